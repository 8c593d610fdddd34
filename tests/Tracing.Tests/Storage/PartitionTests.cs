using DuckDB.NET.Data;
using FsCheck.Fluent;
using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.DuckDb;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>When partitions begin, what sealing keeps, and what a start makes of what a kill has left.</summary>
public sealed class PartitionTests : EmbeddedStoreTests
{
    [Fact]
    public async Task A_full_partition_is_sealed_and_its_open_file_goes()
    {
        var store = Open();
        await StoreAsync(store, Zipkin(1));
        Assert.Equal("00000001.open.log", Files());
        await StoreAsync(store, Zipkin(2));
        await store.WhenSealedAsync();
        Assert.Equal("00000001.duckdb 00000002.open.log", Files());
        var partitions = store.Partitions;
        Assert.Equal([(1, true, 1L), (2, false, 1L)],
            partitions.Select(each => (each.Number, each.IsSealed, each.Spans)));
        Assert.All(partitions, each => Assert.Equal((Micros(0), Micros(0)), (each.MinStart, each.MaxStart)));
        Assert.All(partitions, each => Assert.True(each.Bytes > (each.IsSealed ? 10_000 : 100)));
    }

    [Fact]
    public async Task An_old_partition_is_sealed_before_the_next_span()
    {
        var store = Open(sealSpans: 1000);
        Clock.Advance(TimeSpan.FromDays(1));
        await StoreAsync(store, Zipkin(1));
        Clock.Advance(TimeSpan.FromMinutes(59));
        await StoreAsync(store, Zipkin(2));
        Assert.Single(store.Partitions);
        Clock.Advance(TimeSpan.FromMinutes(1));
        await StoreAsync(store, Zipkin(3));
        await store.WhenSealedAsync();
        Assert.Equal([2L, 1L], store.Partitions.Select(each => each.Spans));
        Assert.Equal(3, (await store.FindTracesAsync(AnyOfToday, Cancellation)).Count);
    }

    [Fact]
    public async Task A_sealed_file_can_be_read_as_described()
    {
        var store = Open();
        await StoreAsync(store, Otlp(1, id: 7).With(Tag("a", "x"), Tag("long", new string('y', 500))));
        await StoreAsync(store, Otlp(2));
        await store.WhenSealedAsync();
        await store.DisposeAsync();
        var lines = await File.ReadAllLinesAsync(Path.Combine(Repository.Root, "ARCHITECTURE.md"), Cancellation);
        var sql = string.Join('\n', lines
            .SkipWhile(line => !line.StartsWith("    WITH names", StringComparison.Ordinal))
            .TakeWhile(line => line.Length > 0));
        using var connection = new DuckDBConnection($"DataSource={Folder.Path}/00000001.duckdb;ACCESS_MODE=READ_ONLY");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var read = new List<(ulong, string, string)>();
        while (reader.Read())
            read.Add((reader.GetFieldValue<ulong>(0), reader.GetString(1), reader.GetString(2)));
        Assert.Equal([(7UL, "a", "sx"), (7UL, "long", "s" + new string('y', 500))], read.Order());
    }

    [Fact]
    public async Task Sealing_keeps_every_field()
    {
        Span[] spans =
        [
            .. SpanGen.Otlp.Sample(150, 40), .. ZipkinSpanGen.Zipkin.Sample(150, 40),
            // enough alike for columns, with attributes in several orders and types
            .. Enumerable.Range(1, 600).Select(n => Otlp((ulong)n).With(Shuffled(n))),
        ];
        spans = [.. spans.DistinctBy(span => span.TraceId)];
        var store = Open(sealSpans: 200);
        foreach (var chunk in spans.Chunk(100))
        {
            await StoreAsync(store, chunk);
            await store.WhenSealedAsync();
        }
        Assert.True(store.Partitions.Count(each => each.IsSealed) >= 3);
        Assert.Equal("a b d s", Columns(PartitionFiles.SealedFile(Folder.Path, store.Partitions[^2].Number)));
        await CheckAsync(store);
        await CheckAsync(await ReopenAsync(store));

        async Task CheckAsync(DuckDbSpanStore from)
        {
            var ids = spans.Select(span => span.TraceId).ToList();
            Assert.Equal(spans, (await from.GetTracesAsync(ids, true, Cancellation)).Select(Assert.Single));
        }
    }

    [Fact]
    public async Task Attributes_are_found_in_columns_and_in_the_map()
    {
        var store = Open(sealSpans: 100);
        for (var i = 0; i < 10; i++)
        {
            await StoreAsync(store, [.. Enumerable.Range(1, 50).Select(
                n => Otlp((ulong)((i * 50) + n)).With(Shuffled((i * 50) + n)))]);
        }
        foreach (var (key, value, matches) in new (string, string, Func<int, bool>)[]
        {
            ("s", "text 3", n => n % 7 == 3), ("a", "5", n => n % 10 == 5), ("a", "05", _ => false),
            ("b", "true", n => n % 2 == 0), ("d", "2.5", n => n % 10 == 5), ("d", "-0", n => n == 13),
            ("d", "0", n => n == 20), ("d", "NaN", n => n == 17), ("a", "word", n => n == 19),
            ("", "", _ => false), ("rare", "", n => n == 99),
        })
        {
            var expected = Enumerable.Range(1, 500).Where(matches).Select(n => (ulong)n);
            var found = await store.FindTracesAsync(Tagged(key, value) with { Limit = 1000 }, Cancellation);
            Assert.Equal(expected, found.Select(trace => trace[0].TraceId.Low).Order());
        }
    }

    [Fact]
    public async Task Sealing_keeps_parents_wherever_they_are()
    {
        static Span Child(ulong id, ulong parent, ulong high = 0) =>
            Otlp(7, id: id) with { TraceId = Trace(7, high), ParentSpanId = new SpanId(parent) };

        Span[] spans =
        [
            // before and after its child, its own, one of two, one of the trace's other half, one that never came
            Child(1, 0), Child(2, 1), Child(3, 5), Child(4, 4), Child(5, 2), Child(5, 2) with { Shared = true },
            Child(6, 5), Child(8, 1, high: 1), Child(1, 0, high: 1), Child(9, 8), Child(10, 99),
        ];
        var store = Open();
        await StoreAsync(store, spans);
        await StoreAsync(store, Child(11, 6));
        await store.WhenSealedAsync();
        var strict = await store.GetTracesAsync([Trace(7), Trace(7, 1)], true, Cancellation);
        Assert.Equal([.. spans.Where(span => span.TraceId.High == 0), Child(11, 6)], strict[0]);
        Assert.Equal(spans.Where(span => span.TraceId.High == 1), strict[1]);
        var loose = Assert.Single(await store.GetTracesAsync([Trace(7)], false, Cancellation));
        Assert.Equal(spans.Append(Child(11, 6)).ToHashSet(), loose.ToHashSet());
        var file = PartitionFiles.SealedFile(Folder.Path, 1);
        await store.DisposeAsync();
        Assert.Equal(3L, Execute(file, "SELECT count(*) FROM spans WHERE parent_id > 0"));
    }

    [Fact]
    public async Task Late_and_early_spans_are_found_wherever_they_are()
    {
        var store = Open();
        var root = Zipkin(1).At(0);
        var child = Zipkin(1, "db", id: 2).At(-3_600_000_000) with { ParentSpanId = root.SpanId };
        var grandchild = Zipkin(1, "disk", id: 3).At(9_000_000_000) with { ParentSpanId = child.SpanId };
        await StoreAsync(store, grandchild);
        await StoreAsync(store, Zipkin(2).At(1));
        await StoreAsync(store, child);
        await StoreAsync(store, root);
        await StoreAsync(store, grandchild);
        await store.WhenSealedAsync();
        var query = AnyOfToday with { EndMillis = Today, LookbackMillis = 0, ServiceName = "disk" };
        Assert.Equal([grandchild, child, root], Assert.Single(await store.FindTracesAsync(query, Cancellation)));
        Assert.Empty(await store.FindTracesAsync(query with { EndMillis = Today - 3_600_000 }, Cancellation));
        Assert.Equal("1", (await store.FindTracesAsync(query, Cancellation)).Ids());
    }

    [Fact]
    public async Task Readers_see_all_that_was_acknowledged_while_partitions_are_swapped()
    {
        var store = Open(sealSpans: 40);
        var acknowledged = 0;
        var writer = Task.Run(async () =>
        {
            for (var n = 1; n <= 300; n++)
            {
                await StoreAsync(store, [.. Enumerable.Range(1, 5).Select(id => Zipkin((ulong)n, id: (ulong)id))]);
                Volatile.Write(ref acknowledged, n);
            }
        });
        var readers = Enumerable.Range(0, 3).Select(_ => Task.Run(async () =>
        {
            while (!writer.IsCompleted)
            {
                var known = Volatile.Read(ref acknowledged);
                var ids = Enumerable.Range(1, known).Select(n => Trace((ulong)n)).ToList();
                var traces = await store.GetTracesAsync(ids, true, Cancellation);
                Assert.Equal(known, traces.Count);
                Assert.All(traces, trace => Assert.Equal(5, trace.Count));
                Assert.True((await store.FindTracesAsync(AnyOfToday, Cancellation)).Count >= Math.Min(known, 100));
            }
        }));
        await Task.WhenAll([writer, .. readers]);
        await store.WhenSealedAsync();
        Assert.Equal(Files().Split(' ').Length, store.Partitions.Count);
        Assert.Equal(1500, store.Partitions.Sum(each => each.Spans));
    }

    [Fact]
    public async Task A_body_is_known_and_names_are_listed_across_partitions()
    {
        var store = Open("key");
        for (var n = 1; n <= 5; n++)
        {
            var span = Zipkin((ulong)n, $"service{n}").With(Tag("key", $"value{n}"));
            await store.AppendAsync(Batch((UInt128)n, span), Cancellation);
            Clock.Advance(TimeSpan.FromMinutes(1));
        }
        await CheckAsync();
        await store.WhenSealedAsync();
        store = await ReopenAsync(store, "key");
        await CheckAsync();

        async Task CheckAsync()
        {
            for (var n = 1; n <= 5; n++)
            {
                Assert.Equal(AppendOutcome.AlreadyStored,
                    await store.AppendAsync(Batch((UInt128)n, Zipkin(99)), Cancellation));
            }
            Assert.Equal(5, (await store.GetServiceNamesAsync(Cancellation)).Count);
            Assert.Equal(["get"], await store.GetSpanNamesAsync("service1", Cancellation));
            Assert.Equal(5, (await store.GetTagValuesAsync("key", Cancellation)).Count);
        }
    }

    [Fact]
    public async Task Old_bodies_do_not_come_into_the_sealed_file()
    {
        var store = Open(sealSpans: 1000);
        await store.AppendAsync(Batch(1, Zipkin(1)), Cancellation);
        Clock.Advance(TimeSpan.FromMinutes(11));
        await store.AppendAsync(Batch(2, Zipkin(2)), Cancellation);
        Clock.Advance(TimeSpan.FromHours(1));
        await StoreAsync(store, Zipkin(3));
        await store.WhenSealedAsync();
        await store.DisposeAsync();
        Assert.Equal(1L, Execute(PartitionFiles.SealedFile(Folder.Path, 1), "SELECT count(*) FROM bodies"));
    }

    DuckDbSpanStore Open(params string[] autocompleteKeys) => Open(1, autocompleteKeys);

    DuckDbSpanStore Open(int sealSpans, params string[] autocompleteKeys) =>
        Open(new DuckDbStoreOptions { SealSpans = sealSpans, AutocompleteKeys = autocompleteKeys });

    async Task<DuckDbSpanStore> ReopenAsync(DuckDbSpanStore store, params string[] autocompleteKeys)
    {
        await store.DisposeAsync();
        return Open(1000, autocompleteKeys);
    }

    static async Task StoreAsync(DuckDbSpanStore store, params Span[] spans) =>
        Assert.Equal(AppendOutcome.Stored, await store.AppendAsync(Batch(spans), Cancellation));

    /// <summary>The keys that have columns, sorted.</summary>
    static string Columns(string file) =>
        (string)Execute(file, "SELECT string_agg(DISTINCT key, ' ' ORDER BY key) FROM columns")!;

    static object? Execute(string file, string sql)
    {
        using var connection = new DuckDBConnection($"DataSource={file};ACCESS_MODE=READ_ONLY");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }

    /// <summary>Attributes of a text, an int, a bool and a double, some of another type or a rare key.</summary>
    static KeyValue[] Shuffled(int n)
    {
        KeyValue[] all =
        [
            Tag("s", $"text {n % 7}"), n == 19 ? Tag("a", "word") : new("a", new(n % 10)), new("b", new(n % 2 == 0)),
            new("d", new(n switch { 13 => -0.0, 17 => double.NaN, 20 => 0.0, _ => n % 10 == 0 ? 9 : n % 10 / 2.0 })),
            .. n == 99 ? (KeyValue[])[Tag("rare", "x")] : [],
        ];
        new Random(n).Shuffle(all);
        return all;
    }
}
