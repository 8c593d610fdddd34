using Tracing.Model;
using Tracing.Storage;
using Xunit;

namespace Tracing.Tests;

public class TraceMergerTests
{
    static readonly Endpoint Web = new() { ServiceName = "web" };
    static readonly Endpoint App = new() { ServiceName = "app" };

    static readonly Span Piece = new()
    {
        Origin = SpanOrigin.Zipkin,
        TraceId = new TraceId(0, 7),
        SpanId = new SpanId(1),
    };

    [Fact]
    public void Of_single_values_the_first_known_counts_of_tags_the_last_of_annotations_all()
    {
        var merged = Assert.Single(TraceMerger.Merge([
            Piece with { Name = "get", StartUnixNano = 5000, EndUnixNano = 5000, Attributes = [Tag("a", "1")] },
            Piece with
            {
                Name = "post", Kind = SpanKind.Client, LocalEndpoint = Web, EndUnixNano = 3000,
                Attributes = [Tag("a", "2"), Tag("b", "3")], Events = [Note(9), Note(4)], Debug = true,
            },
            Piece with { LocalEndpoint = Web with { Port = 80 }, Events = [Note(4)], ParentSpanId = new SpanId(9) },
        ]));
        Assert.Equal(Piece with
        {
            Name = "post", // a client's piece sorts before others
            Kind = SpanKind.Client,
            ParentSpanId = new SpanId(9),
            StartUnixNano = 5000,
            EndUnixNano = 8000,
            LocalEndpoint = Web with { Port = 80 },
            Attributes = [Tag("a", "1"), Tag("b", "3")],
            Events = [Note(4), Note(9)],
            Debug = true,
        }, merged);
    }

    [Fact]
    public void Pieces_from_different_hosts_stay_apart() => Assert.Equal(2, TraceMerger.Merge([
        Piece with { LocalEndpoint = Web with { Ipv4 = "10.0.0.1" } },
        Piece with { LocalEndpoint = Web with { Ipv4 = "10.0.0.2" } },
        Piece with { LocalEndpoint = Web with { Ipv4 = "10.0.0.2", Port = 80 } },
    ]).Count);

    [Fact]
    public void A_server_with_its_clients_id_is_marked_shared_and_gets_its_parent()
    {
        var client = Piece with { Kind = SpanKind.Client, LocalEndpoint = Web, ParentSpanId = new SpanId(9) };
        var server = Piece with { Kind = SpanKind.Server, LocalEndpoint = App };
        Assert.Equal(
            [client, server with { Shared = true, ParentSpanId = new SpanId(9) }], TraceMerger.Merge([server, client]));
    }

    [Fact]
    public void Short_trace_ids_are_widened_when_a_long_one_is_known()
    {
        var wide = new TraceId(5, 7);
        var merged = TraceMerger.Merge([Piece, Piece with { SpanId = new SpanId(2), TraceId = wide }]);
        Assert.All(merged, span => Assert.Equal(wide, span.TraceId));
    }

    [Fact]
    public void An_OTLP_span_sent_twice_is_one_span()
    {
        var span = new Span
        {
            TraceId = new TraceId(5, 7),
            SpanId = new SpanId(1),
            StartUnixNano = 10,
            EndUnixNano = 4,
            Status = StatusCode.Ok,
            Resource = new Resource { Attributes = [Tag("service.name", "Web")] },
            Attributes = [Tag("b", "1"), Tag("a", "2")],
            Links = [new SpanLink { SpanId = new SpanId(3) }],
        };
        Assert.Equal(span, Assert.Single(TraceMerger.Merge([span, span])));
    }

    static KeyValue Tag(string key, string value) => new(key, new AttributeValue(value));

    static SpanEvent Note(ulong time) => new() { TimeUnixNano = time, Name = "x" };
}
