using System.Globalization;
using Tracing.Model;
using Tracing.Storage;
using Xunit;

namespace Tracing.Tests;

public sealed class EdgeLinkerTests
{
    const long Minute = SomeSpans.Today / 60_000;

    readonly SpanStatistics _counts = new(SomeSpans.Today, new SeriesNames());
    readonly EdgeLinker _linker = new(new SeriesNames());

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_call_is_counted_once_the_later_of_its_spans_comes(bool isCalleeFirst)
    {
        var caller = Otlp(1, 0, "shop", SpanKind.Client) with { Status = StatusCode.Error };
        var callee = Otlp(2, 1, "stock", SpanKind.Server).At(60_000_000, 5_000);
        Add(isCalleeFirst ? callee : caller);
        Assert.Equal("", Counted());
        Add(isCalleeFirst ? caller : callee);
        Assert.Equal("shop op -> stock op, Client, Callee: 1\nshop op -> stock op, Client, Caller, failed: 1",
            Counted());
        var points = _counts.Points(series => series.Level == SeriesLevel.OperationEdge, 0, long.MaxValue);
        var ofCaller = points.Single(point => point.Series.Side == EdgeSide.Caller);
        var ofCallee = points.Single(point => point.Series.Side == EdgeSide.Callee);
        Assert.Equal((Minute, 10_000_000), (ofCaller.Minute, ofCaller.Latencies.Max));
        Assert.Equal((Minute + 1, 5_000_000), (ofCallee.Minute, ofCallee.Latencies.Max));
        var ofServices = _counts.Points(series => series is
        { Level: SeriesLevel.ServiceEdge, Side: EdgeSide.Callee }, 0, long.MaxValue).Single();
        Assert.Equal([7UL], ofServices.Exemplars!.Values.Select(exemplar => exemplar.Trace.Low));
    }

    [Fact]
    public void Spans_within_a_service_are_no_calls()
    {
        Add(Otlp(2, 1, "shop", SpanKind.Internal), Otlp(1, 0, "shop", SpanKind.Server),
            Otlp(3, 2, "shop", SpanKind.Client), Otlp(4, 1, "", SpanKind.Internal));
        Assert.Equal("", Counted());
    }

    [Fact]
    public void Another_service_is_called_even_if_its_span_does_not_say_so()
    {
        Add(Otlp(1, 0, "shop", SpanKind.Internal), Otlp(2, 1, "stock", SpanKind.Internal));
        Assert.Equal("shop op -> stock op, Client, Callee: 1\nshop op -> stock op, Client, Caller: 1", Counted());
    }

    [Fact]
    public void Calls_are_found_two_partitions_later_and_not_three()
    {
        Add(Otlp(1, 0, "shop", SpanKind.Client), Otlp(11, 0, "shop", SpanKind.Client),
            Otlp(22, 21, "b", SpanKind.Server));
        _linker.MoveOn(_counts);
        _linker.MoveOn(_counts);
        Add(Otlp(2, 1, "a", SpanKind.Server), Otlp(21, 0, "shop", SpanKind.Client));
        Assert.Equal(4, Counted().Split('\n').Length);
        _linker.MoveOn(_counts);
        Add(Otlp(12, 11, "c", SpanKind.Server));
        Assert.Equal(4, Counted().Split('\n').Length);
    }

    [Fact]
    public void Much_is_forgotten_and_found_over_many_partitions()
    {
        for (ulong i = 0; i < 10; i++)
        {
            Add([.. Enumerable.Range(1, 2000).Select(j =>
                Otlp((i * 10_000) + (ulong)j, 0, "shop", SpanKind.Client))]);
            _linker.MoveOn(_counts);
            Add([.. Enumerable.Range(1, 2000).Select(j =>
                Otlp((i * 10_000) + 5000 + (ulong)j, (i * 10_000) + (ulong)j, "stock", SpanKind.Server))]);
        }
        Assert.Equal("shop op -> stock op, Client, Callee: 20000\nshop op -> stock op, Client, Caller: 20000",
            Counted());
    }

    [Theory]
    [InlineData("client server child")]
    [InlineData("child server client")]
    [InlineData("server client child")]
    [InlineData("client child server")]
    [InlineData("child client server")]
    [InlineData("server child client")]
    public void The_halves_of_a_shared_span_are_caller_and_callee(string order)
    {
        var spans = new Dictionary<string, Span>
        {
            ["client"] = Zipkin(2, 1, "shop", SpanKind.Client),
            ["server"] = Zipkin(2, 1, "stock", SpanKind.Server) with { Shared = true },
            ["child"] = Zipkin(3, 2, "stock", SpanKind.Client),
        };
        Add(Zipkin(1, 0, "shop", SpanKind.Server));
        foreach (var name in order.Split(' '))
            Add(spans[name]);
        _linker.MoveOn(_counts);
        Assert.Equal("shop op -> stock op, Client, Callee: 1\nshop op -> stock op, Client, Caller: 1", Counted());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Halves_that_do_not_say_that_they_share_an_id_are_known_by_their_kinds(bool isServerFirst)
    {
        var client = Zipkin(2, 1, "shop", SpanKind.Client) with { Name = "call" };
        var server = Zipkin(2, 1, "stock", SpanKind.Server);
        Add(Zipkin(1, 0, "shop", SpanKind.Server), isServerFirst ? server : client, isServerFirst ? client : server);
        Assert.Equal("shop call -> stock op, Client, Callee: 1\nshop call -> stock op, Client, Caller: 1", Counted());
    }

    [Fact]
    public void A_shared_span_without_the_clients_half_was_called_by_its_parent()
    {
        Add(Zipkin(1, 0, "shop", SpanKind.Server), Zipkin(2, 1, "stock", SpanKind.Server) with { Shared = true });
        Assert.Equal("", Counted());
        _linker.MoveOn(_counts);
        Assert.Equal("shop op -> stock op, Client, Callee: 1\nshop op -> stock op, Client, Caller: 1", Counted());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Consumers_are_linked_to_all_producers_that_they_name(bool isConsumerFirst)
    {
        var consumer = Otlp(9, 1, "mail", SpanKind.Consumer) with
        {
            Links = [Link(7, 1), Link(8, 2), Link(8, 2), Link(8, 3), Link(8, 4)],
        };
        Span[] producers =
        [
            Queue(Otlp(1, 0, "a", SpanKind.Producer)),
            Queue(Otlp(2, 0, "b", SpanKind.Producer) with { TraceId = SomeSpans.Trace(8) }),
            Otlp(3, 0, "c", SpanKind.Client) with { TraceId = SomeSpans.Trace(8) },
        ];
        Add(isConsumerFirst ? [consumer, .. producers] : [.. producers, consumer]);
        _linker.MoveOn(_counts);
        Assert.Equal("a op -> mail op, Producer, Callee: 1\na op -> mail op, Producer, Caller: 1\n" +
            "b op -> mail op, Producer, Callee: 1\nb op -> mail op, Producer, Caller: 1", Counted());
    }

    [Fact]
    public void A_late_consumer_is_counted_in_place_of_the_queue()
    {
        Add(Queue(Otlp(1, 0, "shop", SpanKind.Producer)));
        _linker.MoveOn(_counts);
        Assert.Equal("shop op -> kafka/orders , Producer, Caller: 1", Counted());
        Add(Otlp(2, 1, "mail", SpanKind.Consumer));
        Assert.Equal("shop op -> mail op, Producer, Callee: 1\nshop op -> mail op, Producer, Caller: 1", Counted());
    }

    [Theory]
    [InlineData("mysql/orders", "db.system=mysql db.name=orders server.address=db1")]
    [InlineData("postgresql/db1", "db.system.name=postgresql server.address=db1")]
    [InlineData("redis", "db.system=redis")]
    [InlineData("users", "db.system=redis peer.service=users")]
    public void Databases_are_counted_at_once(string name, string tags)
    {
        Add(Otlp(1, 0, "shop", SpanKind.Client).With(Tags(tags)));
        Assert.Equal($"shop op -> {name} , Client, Caller: 1", Counted());
        _linker.MoveOn(_counts);
        Assert.Equal($"shop op -> {name} , Client, Caller: 1", Counted());
    }

    [Theory]
    [InlineData("bank", "peer.service=bank server.address=api.bank.com")]
    [InlineData("api.bank.com", "server.address=api.bank.com net.peer.name=old")]
    [InlineData("kafka/orders", "messaging.system=kafka messaging.destination.name=orders server.address=k1")]
    public void Others_without_spans_are_counted_when_they_have_had_time_to_come(string name, string tags)
    {
        Add(Otlp(1, 0, "shop", SpanKind.Client).With(Tags(tags)), Otlp(2, 0, "shop", SpanKind.Client),
            Otlp(3, 2, "stock", SpanKind.Internal), Otlp(4, 0, "shop", SpanKind.Server).With(Tags(tags)));
        var before = Counted();
        _linker.Settle(_counts);
        Assert.Equal(before, Counted());
        _linker.Settle(_counts);
        Assert.Equal($"shop op -> {name} , Client, Caller: 1\n{before}".Split('\n').Order(StringComparer.Ordinal),
            Counted().Split('\n'));
        _linker.MoveOn(_counts);
        Assert.Equal(3, Counted().Split('\n').Length);
    }

    [Theory]
    [InlineData("server.address={0}")]
    [InlineData("db.system=redis server.address={0}")]
    public void Addresses_of_peers_leave_names_to_services(string tags)
    {
        for (var i = 1; i <= 3000; i++)
        {
            var peer = string.Format(CultureInfo.InvariantCulture, tags, $"10.0.{i / 250}.{i % 250}");
            Add(Otlp((ulong)i, 0, "shop", SpanKind.Client).With(Tags(peer)));
        }
        _linker.MoveOn(_counts);
        // for the last eighth
        _linker.MoveOn(_counts);
        Assert.Equal(101, Counted().Split('\n').Length);
        Assert.Contains("shop op -> (others) , Client, Caller: 2900", Counted(), StringComparison.Ordinal);
        Add(Otlp(4001, 0, "shop", SpanKind.Client), Otlp(4002, 4001, "new", SpanKind.Server));
        Assert.Contains("shop op -> new op, Client, Callee: 1", Counted(), StringComparison.Ordinal);
    }

    [Fact]
    public void Zipkins_remote_endpoint_names_the_peer()
    {
        Add(Zipkin(1, 0, "shop", SpanKind.Client) with { RemoteEndpoint = new Endpoint { ServiceName = "bank" } });
        _linker.MoveOn(_counts);
        Assert.Equal("shop op -> bank , Client, Caller: 1", Counted());
    }

    [Fact]
    public void A_call_seen_by_two_libraries_is_counted_to_its_peer_once()
    {
        var tags = Tags("server.address=bank");
        Add(Otlp(1, 0, "shop", SpanKind.Client).With(tags), Otlp(2, 1, "shop", SpanKind.Client).With(tags));
        _linker.MoveOn(_counts);
        Assert.Equal("shop op -> bank , Client, Caller: 1", Counted());
    }

    [Theory]
    [InlineData("postgresql", "db.system=postgresql db.name=orders", "db.system.name=postgresql db.namespace=orders")]
    [InlineData("microsoft.sql_server", "db.system=mssql", "db.system.name=microsoft.sql_server db.namespace=orders")]
    [InlineData("elasticsearch", "db.system=elasticsearch db.name=orders", "server.address=es1")]
    [InlineData("kafka", "messaging.system=kafka messaging.destination.name=orders", "server.address=k1")]
    public void A_call_through_two_layers_is_one_call_to_what_people_know(string system, string outer, string inner)
    {
        var kind = outer.StartsWith("messaging", StringComparison.Ordinal) ? SpanKind.Producer : SpanKind.Client;
        Span[] spans = [Otlp(1, 0, "shop", kind).With(Tags(outer)),
            Otlp(2, 1, "shop", SpanKind.Client).With(Tags(inner))];
        foreach (var isInnerFirst in new[] { false, true })
        {
            var (linker, counts) = (new EdgeLinker(new SeriesNames()), Counts());
            foreach (var span in isInnerFirst ? spans.Reverse() : spans)
            {
                linker.Add([span], counts);
                // the other one comes late
                linker.Settle(counts);
                linker.Settle(counts);
            }
            Assert.Equal($"shop op -> {system}/orders , {kind}, Caller: 1", NaiveEdges.Text(counts));
        }
    }

    [Theory]
    [InlineData("postgresql/orders", "db.system=postgresql db.name=orders", "", "server.address=db1")]
    [InlineData("bank", "peer.service=bank", "", "server.address=bank.example.com")]
    [InlineData("postgresql/orders", "", "db.system=postgresql db.name=orders", "server.address=db1")]
    public void A_call_through_three_layers_is_one_call_in_any_order(string peer, params string[] tags)
    {
        List<Span> spans = [.. tags.Select((text, i) => Otlp((ulong)i + 1, (ulong)i, "shop", SpanKind.Client)
            .With(text.Length > 0 ? Tags(text) : []))];
        Assert.All(Orders(spans), order =>
            Assert.Equal($"shop op -> {peer} , Client, Caller: 1", CountedOneByOne(order)));
    }

    [Fact]
    public void All_that_is_within_a_call_which_has_reached_its_callee_is_that_call()
    {
        List<Span> spans = [Otlp(1, 0, "shop", SpanKind.Client), Otlp(2, 1, "bank", SpanKind.Server),
            Otlp(3, 1, "shop", SpanKind.Client).With(Tags("server.address=bank")),
            Otlp(4, 1, "shop", SpanKind.Client).With(Tags("server.address=bank"))];
        Assert.All(Orders(spans), order =>
            Assert.Equal("shop op -> bank op, Client, Callee: 1\nshop op -> bank op, Client, Caller: 1",
                CountedOneByOne(order)));
    }

    [Fact]
    public void What_a_service_does_in_a_call_to_itself_is_no_layer_of_the_call()
    {
        List<Span> spans = [Zipkin(1, 0, "shop", SpanKind.Client).With(Tags("db.system=redis")),
            Zipkin(1, 0, "shop", SpanKind.Server) with { Shared = true },
            Zipkin(2, 1, "shop", SpanKind.Client).With(Tags("db.system=mysql")),
            Zipkin(3, 1, "shop", SpanKind.Client).With(Tags("db.system=mysql"))];
        Assert.All(Orders(spans), order =>
            Assert.Equal("shop op -> mysql , Client, Caller: 2\nshop op -> shop op, Client, Callee: 1\n" +
                "shop op -> shop op, Client, Caller: 1", CountedOneByOne(order)));
    }

    [Fact]
    public void A_call_of_unknown_duration_is_a_call_and_says_nothing_of_latency()
    {
        Add(Otlp(1, 0, "shop", SpanKind.Client),
            Otlp(2, 1, "stock", SpanKind.Server) with { StartUnixNano = 0, EndUnixNano = 0 });
        var points = _counts.Points(series => series.Level == SeriesLevel.ServiceEdge, 0, long.MaxValue);
        Assert.Equal([(EdgeSide.Caller, Minute, 1UL, 0UL), (EdgeSide.Callee, Minute, 0UL, 1UL)],
            points.Select(point => (point.Series.Side, point.Minute, point.Latencies.Count,
                point.Latencies.UnknownCount)));
    }

    [Fact]
    public void A_callee_that_comes_in_the_next_partition_takes_the_place_of_the_peer()
    {
        Add([.. Enumerable.Range(1, 8000).Select(i =>
            Otlp((ulong)i, 0, "shop", SpanKind.Client).With(Tags("server.address=bank")))]);
        _linker.MoveOn(_counts);
        Assert.Equal("shop op -> bank , Client, Caller: 8000", Counted());
        Add(Otlp(9001, 8000, "bank", SpanKind.Server));
        Assert.Equal("shop op -> bank , Client, Caller: 7999\n" +
            "shop op -> bank op, Client, Callee: 1\nshop op -> bank op, Client, Caller: 1", Counted());
    }

    [Fact]
    public void Spans_stored_twice_are_counted_once()
    {
        Span[] spans = [Otlp(1, 0, "shop", SpanKind.Client), Otlp(2, 1, "stock", SpanKind.Server),
            Otlp(3, 1, "shop", SpanKind.Client).With(Tags("db.system=redis"))];
        Add([.. spans, .. spans]);
        var once = Counted();
        _linker.MoveOn(_counts);
        Add(spans);
        Assert.Equal(once, Counted());
        Assert.DoesNotContain(": 2", once, StringComparison.Ordinal);
    }

    [Fact]
    public void A_sampled_call_stands_for_as_many_as_the_rarer_of_its_spans()
    {
        Add(Otlp(1, 0, "shop", SpanKind.Client) with { TraceState = "ot=th:8" },
            Otlp(2, 1, "stock", SpanKind.Server) with { TraceState = "ot=th:c" },
            Otlp(11, 0, "shop", SpanKind.Client) with { TraceState = "ot=rv:1" },
            Otlp(12, 11, "bank", SpanKind.Server));
        Assert.Equal("shop op -> bank op, Client, Callee: 1\nshop op -> bank op, Client, Caller: 1\n" +
            "shop op -> stock op, Client, Callee: 4\nshop op -> stock op, Client, Caller: 4", Counted());
        Assert.All(_counts.Points(_ => true, 0, long.MaxValue),
            point => Assert.Equal(point.Series.Peer == "bank", point.IsEstimated));
    }

    [Fact]
    public void Spans_beyond_the_bound_are_not_linked_and_edges_beyond_it_have_no_operations()
    {
        var linker = new EdgeLinker(new SeriesNames(maxEdges: 1), maxSpans: 4);
        linker.Add([Otlp(1, 0, "shop", SpanKind.Client), Otlp(2, 1, "a", SpanKind.Server),
            Otlp(3, 1, "b", SpanKind.Server), Otlp(4, 1, "b", SpanKind.Server),
            Otlp(5, 1, "c", SpanKind.Server)], _counts);
        Assert.Equal("shop (others) -> b (others), Client, Callee: 2\n" +
            "shop (others) -> b (others), Client, Caller: 2\n" +
            "shop op -> a op, Client, Callee: 1\nshop op -> a op, Client, Caller: 1", Counted());
    }

    [Fact]
    public void Any_order_and_grouping_of_spans_count_what_whole_traces_say()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            var spans = new EdgeForest(seed, seed % 2 == 0 ? 30 : 600).Make();
            var expected = NaiveEdges.Of(spans);
            var random = new Random(seed);
            var counts = new SpanStatistics(SomeSpans.Today, new SeriesNames());
            var linker = new EdgeLinker(new SeriesNames());
            foreach (var batch in Shuffled(spans, random).Chunk(random.Next(1, 40)))
            {
                linker.Add(batch, counts);
                // whatever is counted too early is put right
                if (random.Next(3) == 0)
                    linker.Settle(counts);
            }
            linker.MoveOn(counts);
            Assert.True(expected == NaiveEdges.Text(counts), $"seed {seed}");
        }
    }

    [Fact]
    public void After_a_replay_of_the_last_partitions_the_same_is_counted()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var random = new Random(seed);
            var batches = Shuffled(new EdgeForest(seed, 6000).Make(), random).Chunk(100).ToList();
            var (live, replayed) = (new EdgeLinker(new SeriesNames()), new EdgeLinker(new SeriesNames()));
            var (before, ofLive, ofReplayed) = (Counts(), Counts(), Counts());
            for (var i = 0; i < batches.Count; i++)
            {
                var isRestarted = i >= 45;
                if (i % 20 == 15)
                {
                    live.MoveOn(isRestarted ? ofLive : before);
                    replayed.MoveOn(isRestarted ? ofReplayed : null);
                }
                live.Add(batches[i], isRestarted ? ofLive : before);
                replayed.Add(batches[i], isRestarted ? ofReplayed : null);
            }
            Assert.Equal(NaiveEdges.Text(before, ofLive), NaiveEdges.Text(before, ofReplayed));
            Assert.NotEqual(NaiveEdges.Text(before), NaiveEdges.Text(before, ofLive));
        }
    }

    [Fact]
    public void Spans_are_remembered_without_allocating_once_the_table_has_grown()
    {
        var spans = new EdgeForest(1, 60_000).Make();
        for (var i = 0; i < 3; i++)
        {
            _linker.MoveOn(_counts);
            _linker.Add(Numbered(spans, i), _counts);
        }
        _linker.MoveOn(_counts);
        var more = Numbered(spans, 3);
        var before = GC.GetAllocatedBytesForCurrentThread();
        _linker.Add(more, _counts);
        var perSpan = (GC.GetAllocatedBytesForCurrentThread() - before) / (double)more.Count;
        // 4 where code is optimized; else enums are boxed to be hashed
        Assert.InRange(perSpan, 0, 24);
    }

    internal static IEnumerable<IEnumerable<Span>> Orders(List<Span> spans) => spans.Count < 2
        ? [spans]
        : spans.SelectMany(one => Orders([.. spans.Where(other => other != one)]).Select(rest => rest.Prepend(one)));

    static string CountedOneByOne(IEnumerable<Span> spans)
    {
        var (linker, counts) = (new EdgeLinker(new SeriesNames()), Counts());
        foreach (var span in spans)
        {
            linker.Add([span], counts);
            // the others come late
            linker.Settle(counts);
            linker.Settle(counts);
        }
        return NaiveEdges.Text(counts);
    }

    internal static SpanStatistics Counts() => new(SomeSpans.Today, new SeriesNames());

    static List<Span> Numbered(List<Span> spans, int number) =>
        [.. spans.Select(span => span with { TraceId = SomeSpans.Trace(span.TraceId.Low + ((ulong)number << 40)) })];

    static Span[] Shuffled(List<Span> spans, Random random)
    {
        Span[] shuffled = [.. spans];
        random.Shuffle(shuffled);
        return shuffled;
    }

    internal static Span Otlp(ulong id, ulong parent, string service, SpanKind kind) =>
        SomeSpans.Otlp(7, service, "op", id) with { ParentSpanId = new SpanId(parent), Kind = kind };

    static Span Zipkin(ulong id, ulong parent, string service, SpanKind kind) =>
        SomeSpans.Zipkin(7, service, "op", id) with { ParentSpanId = new SpanId(parent), Kind = kind };

    internal static SpanLink Link(ulong trace, ulong span) =>
        new() { TraceId = new TraceId(5, trace), SpanId = new SpanId(span) };

    static Span Queue(Span span) => span.With(Tags("messaging.system=kafka messaging.destination.name=orders"));

    internal static KeyValue[] Tags(string tags) =>
        [.. tags.Split(' ').Select(tag => SomeSpans.Tag(tag.Split('=')[0], tag.Split('=')[1]))];

    void Add(params Span[] spans) => _linker.Add(spans, _counts);

    string Counted() => NaiveEdges.Text(_counts);
}
