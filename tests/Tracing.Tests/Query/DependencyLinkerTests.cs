using Tracing.Model;
using Tracing.Storage;
using Xunit;
using static Tracing.Tests.EdgeLinkerTests;

namespace Tracing.Tests;

public class DependencyLinkerTests
{
    public static TheoryData<string> RecordedCases => SharedFolder.Path("conformance/zipkin/cases") is { } folder
        ? [.. Directory.GetFiles(folder, "dependencies-*.json").Order()
            .Where(path => RecordedDependencies.Read(path) is not null)
            .Select(path => Path.GetFileNameWithoutExtension(path))]
        : ["no recorded cases"];

    [Theory]
    [MemberData(nameof(RecordedCases))]
    public void Links_are_those_that_Zipkin_answered(string name)
    {
        if (SharedFolder.Path($"conformance/zipkin/cases/{name}.json") is not { } path)
        {
            Assert.Skip("The recorded cases of Zipkin are not there: ../shared/conformance/zipkin is missing.");
            return;
        }
        var recorded = RecordedDependencies.Read(path)!;
        var linker = new DependencyLinker();
        foreach (var trace in recorded.Traces.Where(trace => trace.Exists(span => IsWithin(span, recorded.Window))))
            linker.Add(trace);
        Assert.Equal(recorded.Expected.OrderBy(Names), linker.Links().OrderBy(Names));
    }

    [Fact]
    public void No_spans_give_no_links()
    {
        Assert.Empty(Links());
        Assert.Empty(Links([]));
    }

    [Fact]
    public void Calls_of_many_traces_add_up_in_the_order_first_seen() => Assert.Equal(
        [new("web", "db", 3, 1), new("app", "db", 1, 0)],
        Links(
            [Zipkin(1, 0, SpanKind.Client, "web", "db")],
            [Zipkin(1, 0, SpanKind.Client, "app", "db")],
            [Zipkin(1, 0, SpanKind.Client, "web", "db", isError: true)],
            [Zipkin(1, 0, SpanKind.Client, "web", "db")]));

    [Fact]
    public void A_span_reported_twice_is_one_call() => Assert.Equal(
        [new("web", "app", 1, 1)],
        Links([
            Zipkin(1, 0, SpanKind.Client, "web", ""),
            Zipkin(2, 1, SpanKind.Server, "app", ""),
            Zipkin(2, 1, SpanKind.Server, "app", "", isError: true),
            Zipkin(2, 1, SpanKind.Server, "app", "")]));

    [Fact]
    public void Pieces_of_a_span_are_read_as_one() => Assert.Equal(
        [new("web", "db", 1, 0)],
        Links([
            Zipkin(1, 0, SpanKind.Client, "", "db"),
            Zipkin(1, 0, SpanKind.Unspecified, "web", "")]));

    [Fact]
    public void Two_servers_that_answer_one_client_are_two_calls() => Assert.Equal(
        [new("web", "app", 1, 0), new("web", "app2", 1, 0), new("app2", "db", 1, 0)],
        Links([
            Zipkin(1, 0, SpanKind.Client, "web", ""),
            Zipkin(1, 0, SpanKind.Server, "app", "") with { Shared = true },
            Zipkin(1, 0, SpanKind.Server, "app2", "") with { Shared = true },
            Zipkin(2, 1, SpanKind.Client, "app2", "db")]));

    [Fact]
    public void A_client_that_gives_the_callees_name_as_its_own_gets_the_missing_call() => Assert.Equal(
        [new("web", "app", 1, 0), new("app", "db", 1, 1)],
        Links([
            Zipkin(1, 0, SpanKind.Server, "web", ""),
            Zipkin(2, 1, SpanKind.Client, "app", "db", isError: true)]));

    [Fact]
    public void OTLP_spans_link_by_service_name_in_lower_case_and_status() => Assert.Equal(
        [new("web", "app", 1, 1)],
        Links([
            Otlp(1, 0, SpanKind.Server, "Web"),
            Otlp(2, 1, SpanKind.Internal, "Web", StatusCode.Error),
            Otlp(3, 2, SpanKind.Client, "Web", StatusCode.Error),
            Otlp(4, 3, SpanKind.Server, "App")]));

    [Fact]
    public void OTLP_layers_of_one_call_are_one_call_and_calls_to_two_callees_two()
    {
        var postgres = Tags("db.system=postgresql db.name=orders");
        var redis = Tags("db.system=redis peer.service=cache");
        Assert.Equal([new("shop", "orders", 1, 0)], Links([
            Otlp(1, 0, SpanKind.Client, "shop").With(postgres),
            Otlp(2, 1, SpanKind.Internal, "shop"),
            Otlp(3, 2, SpanKind.Client, "shop").With(postgres)]));
        Assert.Equal([new("shop", "orders", 1, 0), new("shop", "cache", 1, 0)], Links([
            Otlp(1, 0, SpanKind.Client, "shop").With(postgres),
            Otlp(2, 1, SpanKind.Client, "shop").With(redis)]));
        Assert.Equal([new("shop", "b", 1, 0)], Links([
            Otlp(1, 0, SpanKind.Client, "shop").With(Tags("peer.service=b")),
            Otlp(2, 1, SpanKind.Internal, "shop"),
            Otlp(3, 2, SpanKind.Client, "shop"),
            Otlp(4, 3, SpanKind.Server, "b")]));
        Assert.Equal([new("shop", "orders", 1, 0)], Links([
            Otlp(1, 0, SpanKind.Client, "shop").With(Tags("db.system=elasticsearch db.name=orders")),
            Otlp(2, 1, SpanKind.Client, "shop").With(Tags("server.address=es1"))]));
        Assert.Equal([new("shop", "es1", 1, 0)], Links([
            Otlp(1, 0, SpanKind.Client, "shop").With(Tags("db.system=elasticsearch")),
            Otlp(2, 1, SpanKind.Client, "shop").With(Tags("server.address=es1"))]));
    }

    [Theory]
    [InlineData(SpanKind.Consumer, 2)]
    [InlineData(SpanKind.Consumer, 3)]
    [InlineData(SpanKind.Internal, 2)]
    public void An_OTLP_message_received_and_processed_is_one_message(SpanKind around, ulong parent)
    {
        SpanLink[] link = [new() { TraceId = new TraceId(2, 2), SpanId = new SpanId(9) }];
        Span Message(ulong id, ulong parent, SpanKind kind) =>
            Otlp(id, parent, kind, "work").With(Tags("peer.service=kafka")) with { Links = link };
        Assert.Equal([new("kafka", "work", 1, 0)], Links([
            Message(2, 0, around),
            Message(3, 2, around == SpanKind.Consumer ? SpanKind.Internal : SpanKind.Consumer),
            Message(4, parent, SpanKind.Consumer),
            Message(5, 2, SpanKind.Consumer)]));
    }

    [Fact]
    public void An_OTLP_attribute_called_error_is_no_error() => Assert.Equal(
        [new("web", "app", 1, 0)],
        Links([
            Otlp(1, 0, SpanKind.Client, "web"),
            Otlp(2, 1, SpanKind.Server, "app") with { Attributes = [new("error", new AttributeValue(true))] }]));

    [Fact]
    public void Spans_of_both_origins_make_one_tree() => Assert.Equal(
        [new("web", "app", 1, 0), new("app", "db", 1, 0)],
        Links([
            Otlp(1, 0, SpanKind.Client, "web"),
            Zipkin(2, 1, SpanKind.Server, "app", ""),
            Otlp(3, 2, SpanKind.Internal, "app"),
            Zipkin(4, 3, SpanKind.Client, "app", "db")]));

    [Fact]
    public void An_OTLP_span_that_is_its_own_parent_is_a_root() => Assert.Equal(
        [new("web", "app", 1, 0)],
        Links([Otlp(1, 1, SpanKind.Client, "web"), Otlp(2, 1, SpanKind.Server, "app")]));

    [Fact]
    public void Cycles_end_and_spare_the_rest_of_the_trace() => Assert.Equal(
        [new("web", "db", 1, 0)],
        Links([
            Zipkin(1, 0, SpanKind.Client, "web", "db"),
            Zipkin(2, 4, SpanKind.Server, "a", "x"),
            Zipkin(3, 2, SpanKind.Server, "b", "x"),
            Zipkin(4, 3, SpanKind.Server, "c", "x"),
            Zipkin(5, 3, SpanKind.Server, "d", "x")]));

    [Theory]
    [InlineData(SpanKind.Server, 99_999)]
    [InlineData(SpanKind.Unspecified, 1)]
    public void A_chain_of_100_000_spans_is_no_burden(SpanKind kindBetween, long calls)
    {
        const int Length = 100_000;
        var trace = new List<Span>(Length) { Zipkin(1, 0, SpanKind.Server, "app", "") };
        for (ulong id = 2; id < Length; id++)
            trace.Add(Zipkin(id, id - 1, kindBetween, "app", ""));
        trace.Add(Zipkin(Length, Length - 1, SpanKind.Server, "app", ""));
        trace.Reverse();
        Assert.Equal([new("app", "app", calls, 0)], Links(trace));
    }

    [Fact]
    public void A_hundred_thousand_pieces_of_one_span_are_no_burden()
    {
        var pieces = Enumerable.Range(1, 100_000).Select(i => Zipkin(1, 0, SpanKind.Client, "web", "db") with
        {
            Events = [new SpanEvent { TimeUnixNano = (ulong)i }],
        });
        Assert.Equal([new("web", "db", 1, 0)], Links([.. pieces]));
    }

    [Fact]
    public void Whatever_is_reported_links_are_sound_and_do_not_depend_on_other_traces()
    {
        var random = new Random(1);
        for (var round = 0; round < 5_000; round++)
        {
            var trace = Enumerable.Range(0, random.Next(1, 9)).Select(_ => Any(random)).ToList();
            var links = Links(trace);
            Assert.All(links, link => Assert.InRange(link.ErrorCount, 0, link.CallCount));
            Assert.All(links, link => Assert.True(link.Parent.Length > 0 && link.Child.Length > 0));
            Assert.InRange(links.Sum(link => link.CallCount), 0, 2 * trace.Count);
            Assert.Equal(links.Select(link => link.CallCount * 2), Links(trace, trace).Select(link => link.CallCount));
        }
    }

    /// <summary>A span of few ids and names, so that they clash often.</summary>
    static Span Any(Random random)
    {
        string[] names = ["", "a", "b", "c"];
        var kind = (SpanKind)random.Next(6);
        var span = Zipkin((ulong)random.Next(1, 5), (ulong)random.Next(5), kind, random.GetItems(names, 1)[0],
            random.GetItems(names, 1)[0], random.Next(4) == 0);
        return span with
        {
            Shared = kind != SpanKind.Client && random.Next(3) == 0,
            StartUnixNano = (ulong)random.Next(3),
            Origin = (SpanOrigin)random.Next(2),
        };
    }

    static IReadOnlyList<DependencyLink> Links(params List<Span>[] traces)
    {
        var linker = new DependencyLinker();
        foreach (var trace in traces)
            linker.Add(trace);
        return linker.Links();
    }

    static (string, string) Names(DependencyLink link) => (link.Parent, link.Child);

    static bool IsWithin(Span span, (long Start, long End) window) =>
        (long)(span.StartUnixNano / 1_000_000) is var millis && millis >= window.Start && millis <= window.End;

    static Span Zipkin(
        ulong id, ulong parentId, SpanKind kind, string local, string remote, bool isError = false) => new()
        {
            Origin = SpanOrigin.Zipkin,
            TraceId = new TraceId(0, 1),
            SpanId = new SpanId(id),
            ParentSpanId = new SpanId(parentId),
            Kind = kind,
            StartUnixNano = 1_700_000_000_000_000_000 + id,
            LocalEndpoint = local.Length > 0 ? new Endpoint { ServiceName = local } : null,
            RemoteEndpoint = remote.Length > 0 ? new Endpoint { ServiceName = remote } : null,
            Attributes = isError ? [new KeyValue("error", new AttributeValue(""))] : [],
            Status = isError ? StatusCode.Error : StatusCode.Unset,
        };

    static Span Otlp(
        ulong id, ulong parentId, SpanKind kind, string service, StatusCode status = StatusCode.Unset) => new()
        {
            TraceId = new TraceId(2, 1),
            SpanId = new SpanId(id),
            ParentSpanId = new SpanId(parentId),
            Kind = kind,
            StartUnixNano = 1_700_000_000_000_000_000 + id,
            Status = status,
            Resource = new Resource { Attributes = [new KeyValue("service.name", new AttributeValue(service))] },
        };
}
