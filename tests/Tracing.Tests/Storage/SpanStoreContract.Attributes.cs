using Tracing.Model;
using Tracing.Storage;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

public abstract partial class SpanStoreContract
{
    const int MadeUpKeys = 5000;

    /// <summary>
    /// A span with a key that no other has, a value that no other has, and some that are hard to keep.
    /// </summary>
    static Span Unusual(int n) => Otlp((ulong)n).At(n).With(
        Tag("user", $"user-{n}"),
        new($"made.up.{n}", new AttributeValue((long)n)),
        new("ratio", new AttributeValue(n % 3 == 0 ? double.NaN : n % 3 == 1 ? -0.0 : n / 7.0)),
        new("list", new AttributeValue([new AttributeValue((long)n), new AttributeValue("x")])),
        Tag("long", new string('x', 180 + (n % 100))),
        Tag("1:a", "s"));

    static async Task FindUnusualAsync(ISpanStore store)
    {
        foreach (var n in (int[])[1, 2, 3, 999, 1001, 3000, 4097, MadeUpKeys])
        {
            Assert.Equal([Unusual(n)], await GetAsync(store, Trace((ulong)n)));
            var id = $"{n:x}";
            Assert.Equal(id, await SearchAsync(store, SearchFor($"{{ span.user = \"user-{n}\" }}")));
            Assert.Equal(id, await SearchAsync(store, SearchFor($"{{ span.\"made.up.{n}\" = {n} }}")));
            Assert.Equal(id, await SearchAsync(store, SearchFor($"{{ span.\"made.up.{n}\" != nil }}")));
            Assert.Equal(id, await SearchAsync(store, SearchFor($"{{ span.\"made.up.{n}\" < {n + 1} }}")));
            Assert.Equal(id, await SearchAsync(store, SearchFor($"{{ span.list = {n} }}")));
            Assert.Equal("", await SearchAsync(store, SearchFor($"{{ span.\"made.up.{n}\" != {n} }}")));
            await IsFoundAsync(store, n, "user", $"user-{n}");
            await IsFoundAsync(store, n, $"made.up.{n}", $"{n}");
            await IsFoundAsync(store, n, $"made.up.{n}", "");
            await IsFoundAsync(store, n, "list", $"[{n},\"x\"]");
        }
        foreach (var n in (int[])[4096, MadeUpKeys - 1])
        {
            Assert.Equal($"Span made.up.{n}: 1, Int 1", await KeysAsync(store, new KeyQuery
            {
                Spans = Selected("{ }"),
                Scope = KeyScope.Span,
                Prefix = $"made.up.{n}",
                Limit = 1,
            }));
            Assert.Equal($"Span Int {n}: 1", await ValuesAsync(
                store, new ValueQuery { Spans = Selected("{ }"), Key = $"made.up.{n}", Scope = KeyScope.Span }));
            Assert.Equal($"Span Array [{n},\"x\"]: 1", await ValuesAsync(store, new ValueQuery
            {
                Spans = Selected($"{{ span.user = \"user-{n}\" }}"),
                Key = "list",
                Scope = KeyScope.Span,
            }));
        }
        Assert.Equal("", await SearchAsync(store, SearchFor("{ !(span.user =~ \"user-[0-9]+\") }")));
        Assert.Equal("", await SearchAsync(store, SearchFor("{ span.\"a\" != nil }")));
    }

    static async Task IsFoundAsync(ISpanStore store, int trace, string key, string value)
    {
        var found = await store.FindTracesAsync(
            AnyOfToday with { Annotations = new Dictionary<string, string> { [key] = value } }, Cancellation);
        Assert.Equal(Trace((ulong)trace), Assert.Single(Assert.Single(found)).TraceId);
    }

    [Fact]
    public async Task Attributes_of_any_number_and_kind_are_kept_and_found()
    {
        var store = await OpenAsync();
        foreach (var batch in Enumerable.Range(1, MadeUpKeys - 1).Chunk(500))
            await StoreAsync(store, [.. batch.Select(Unusual)]);
        store = await ReopenAsync(store);
        await StoreAsync(store, Unusual(MadeUpKeys));
        await FindUnusualAsync(store);
        await FindUnusualAsync(await ReopenAsync(store));
    }

    [Fact]
    public async Task Equal_spans_of_several_orders_and_types_of_attributes_keep_them()
    {
        var random = new Random(7);
        KeyValue[] all =
        [
            Tag("a", "1"), new("a", new AttributeValue(1)), new("a", new AttributeValue(true)),
            new("b", new AttributeValue(0.5)), new("b", new AttributeValue(double.NaN)), new("b", default),
            Tag("c", "1"), Tag("c", ""), new("d", new AttributeValue([1, 2])),
        ];
        var spans = Enumerable.Range(1, 300).Select(n => Otlp((ulong)n).At(n).With(
            [.. random.GetItems(all, random.Next(6)).DistinctBy(each => each.Key)])).ToArray();
        var store = await OpenAsync();
        foreach (var batch in spans.Chunk(17))
            await StoreAsync(store, batch);
        for (var i = 0; i < 2; i++)
        {
            foreach (var span in spans)
                Assert.Equal([span], await GetAsync(store, span.TraceId));
            store = await ReopenAsync(store);
        }
    }
}
