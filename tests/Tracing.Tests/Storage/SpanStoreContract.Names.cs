using Tracing.Model;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

public abstract partial class SpanStoreContract
{
    [Fact]
    public async Task Names_are_lower_case_sorted_and_distinct()
    {
        var store = await StoreAsync(
            Zipkin(1, "b", "get"), Zipkin(2, "b", "get"), Zipkin(3, "a_", "post"), Otlp(4, "B", "GET"),
            Otlp(5, "B", "Put /É"), Zipkin(6, "aa"), Otlp(7, "", "nobody's"), Zipkin(8, "é"));
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(["a_", "aa", "b", "é"], await store.GetServiceNamesAsync(Cancellation));
            Assert.Equal(["get", "put /é"], await store.GetSpanNamesAsync("b", Cancellation));
            Assert.Equal(["get", "put /é"], await store.GetSpanNamesAsync("B", Cancellation));
            Assert.Equal(["post"], await store.GetSpanNamesAsync("a_", Cancellation));
            Assert.Empty(await store.GetSpanNamesAsync("unknown", Cancellation));
            Assert.Empty(await store.GetSpanNamesAsync("", Cancellation));
            store = await ReopenAsync(store);
        }
    }

    [Fact]
    public async Task A_service_of_unnamed_spans_is_a_service()
    {
        var store = await StoreAsync(Zipkin(1, "quiet", ""));
        Assert.Equal(["quiet"], await store.GetServiceNamesAsync(Cancellation));
        Assert.Empty(await store.GetSpanNamesAsync("quiet", Cancellation));
        store = await ReopenAsync(store);
        Assert.Equal(["quiet"], await store.GetServiceNamesAsync(Cancellation));
        Assert.Empty(await store.GetSpanNamesAsync("quiet", Cancellation));
    }

    [Fact]
    public async Task Remote_services_are_listed_by_service()
    {
        var store = await StoreAsync(
            Zipkin(1, "web") with { RemoteEndpoint = new Endpoint { ServiceName = "mysql" } },
            Zipkin(2, "web") with { RemoteEndpoint = new Endpoint { ServiceName = "backend", Port = 80 } },
            Zipkin(3, "web") with { RemoteEndpoint = new Endpoint { Ipv4 = "10.0.0.9" } },
            Zipkin(4, "") with { RemoteEndpoint = new Endpoint { ServiceName = "orphan" } },
            Zipkin(5, "other"),
            Otlp(6, "Web").With(Tag("peer.service", "Backend")) with { Kind = SpanKind.Client });
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(["backend", "mysql"], await store.GetRemoteServiceNamesAsync("web", Cancellation));
            Assert.Equal(["backend", "mysql"], await store.GetRemoteServiceNamesAsync("Web", Cancellation));
            Assert.Empty(await store.GetRemoteServiceNamesAsync("other", Cancellation));
            Assert.Empty(await store.GetRemoteServiceNamesAsync("mysql", Cancellation));
            Assert.Equal(["other", "web"], await store.GetServiceNamesAsync(Cancellation));
            store = await ReopenAsync(store);
        }
    }

    [Fact]
    public async Task Values_are_kept_for_the_keys_asked_for()
    {
        var store = await OpenAsync("environment", "status");
        await StoreAsync(store,
            Zipkin(1).With(Tag("environment", "Prod"), Tag("user", "1")),
            Zipkin(2).With(Tag("environment", "dev")),
            Zipkin(3).With(Tag("environment", "Prod")),
            Otlp(4).With(new KeyValue("status", new(200)), new KeyValue("user", new(1))));
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(["Prod", "dev"], await store.GetTagValuesAsync("environment", Cancellation));
            Assert.Equal(["200"], await store.GetTagValuesAsync("status", Cancellation));
            Assert.Empty(await store.GetTagValuesAsync("user", Cancellation));
            Assert.Empty(await store.GetTagValuesAsync("Environment", Cancellation));
            store = await ReopenAsync(store, "environment", "status");
        }
    }

    [Fact]
    public async Task Names_hold_any_text()
    {
        string[] names = ["a\0b", "a\0c", "'; drop table spans; --", "漢😀", "a", "\uffff"];
        var store = await StoreAsync([.. names.Select((name, i) => Zipkin((ulong)i + 1, name, name))]);
        store = await ReopenAsync(store);
        Assert.Equal(names.Order(StringComparer.Ordinal), await store.GetServiceNamesAsync(Cancellation));
        foreach (var name in names)
        {
            Assert.Equal([name], await store.GetSpanNamesAsync(name, Cancellation));
            var query = AnyOfToday with { ServiceName = name, SpanName = name };
            Assert.Equal(name, Assert.Single(await store.FindTracesAsync(query, Cancellation))[0].Name);
        }
    }

    [Fact]
    public async Task A_new_store_is_empty_and_well()
    {
        var store = await OpenAsync();
        await store.CheckAsync(Cancellation);
        Assert.Empty(await store.GetServiceNamesAsync(Cancellation));
        Assert.Empty(await store.GetTagValuesAsync("environment", Cancellation));
        Assert.Empty(await store.FindTracesAsync(AnyOfToday, Cancellation));
        Assert.Empty(await ReadAsync(store, 0, long.MaxValue));
    }
}
