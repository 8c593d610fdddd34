using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.TraceQl;
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

    /// <summary>By the whole name and by what is listed, where spans and statistics have it.</summary>
    [Fact]
    public async Task Long_names_are_found_by_what_they_are_cut_to()
    {
        var (a, b) = (new string('x', 5000) + "a", new string('x', 5000) + "b");
        var store = await StoreAsync(
            Zipkin(1, a, "of" + a) with { Kind = SpanKind.Client, RemoteEndpoint = new Endpoint { ServiceName = b } },
            Zipkin(2, b, "of" + b),
            Otlp(3, a, "of" + a).With(Tag("text", a)), Otlp(4, b, "of" + b).With(Tag("text", b)));
        store = await ReopenAsync(store);
        var cut = SeriesNames.Cut(a);
        Assert.Equal(new[] { cut, SeriesNames.Cut(b) }.Order(StringComparer.Ordinal),
            await store.GetServiceNamesAsync(Cancellation));
        foreach (var name in new[] { a, cut })
        {
            Assert.Equal("1 3", await FoundAsync(AnyOfToday with { ServiceName = name }));
            Assert.Equal("3", await FoundAsync(Tagged("text") with { ServiceName = name }));
            Assert.Equal("1 3", await FoundAsync(AnyOfToday with { SpanName = SeriesNames.Cut("of" + a) }));
            Assert.Equal("", await FoundAsync(
                AnyOfToday with { ServiceName = name, SpanName = SeriesNames.Cut("of" + b) }));
            Assert.Equal("1", await FoundAsync(
                AnyOfToday with { ServiceName = name, RemoteServiceName = SeriesNames.Cut(b) }));
            Assert.Equal("1 3", await SearchedAsync($"{{ resource.service.name = \"{name}\" }}"));
            Assert.Equal("2 4", await SearchedAsync($"{{ resource.service.name != \"{name}\" }}"));
            Assert.Equal("3", await SearchedAsync($"{{ span.text = \"{name}\" }}"));
            Assert.Equal("4", await SearchedAsync($"{{ span.text != \"{name}\" }}"));
        }
        var ofA = SeriesNames.Cut("of" + a);
        Assert.Equal("1 3", await SearchedAsync($"{{ name = \"{ofA}\" }}"));
        Assert.Equal("2 4", await SearchedAsync($"{{ name != \"{ofA}\" }}"));

        async Task<string> FoundAsync(TraceQuery query) => string.Join(' ',
            (await store.FindTracesAsync(query, Cancellation)).Select(trace => trace[0].TraceId.Low).Order());

        async Task<string> SearchedAsync(string query) => string.Join(' ', (await store.SearchAsync(new SpanSearch
        {
            Filter = SpanFilter.Parse(query),
            StartUnixNano = Micros(-1_000),
            EndUnixNano = Micros(1_000),
        }, Cancellation)).Traces.Select(trace => trace.TraceId.Low).Order());
    }

    [Fact]
    public async Task Dependencies_have_cut_names_and_count_what_sampled_spans_stand_for()
    {
        var giant = new string('x', 500_000);
        var store = await OpenAsync();
        await StoreAsync(store, [.. Enumerable.Range(1, 3).SelectMany(n => new[]
        {
            Otlp((ulong)n, giant + n) with { Kind = SpanKind.Client, TraceState = "ot=th:fc" },
            Otlp((ulong)n, "callee", id: 2) with
            {
                Kind = SpanKind.Server,
                ParentSpanId = new SpanId(1),
                TraceState = "ot=th:fc",
                Status = n == 1 ? StatusCode.Error : StatusCode.Unset,
            },
        })]);
        // kept for what it showed: those that were sampled stand for it
        await StoreAsync(store, Otlp(9, "shown", id: 1) with { Kind = SpanKind.Client, TraceState = "ot=up:1" },
            Otlp(9, "callee", id: 2) with
            {
                Kind = SpanKind.Server,
                ParentSpanId = new SpanId(1),
                TraceState = "ot=up:1",
            });
        await StoreAsync(store, Zipkin(10, "zipkin") with
        {
            Kind = SpanKind.Client,
            RemoteEndpoint = new Endpoint { ServiceName = "callee" },
        });
        var known = await store.GetDependenciesAsync(0, Today * 2, Timeout.InfiniteTimeSpan, Cancellation);
        Assert.Equal(
            Enumerable.Range(1, 3)
                .Select(n => new DependencyLink(SeriesNames.Cut(giant + n), "callee", 64, n == 1 ? 64 : 0))
                .Append(new DependencyLink("zipkin", "callee", 1, 0)).OrderBy(link => link.Parent),
            known.Links.OrderBy(link => link.Parent));
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
