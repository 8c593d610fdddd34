using Tracing.Model;

namespace Tracing.Tests;

/// <summary>Traces of services that call each other, made up from a seed; some spans are missing.</summary>
sealed class EdgeForest(int seed, int spans)
{
    readonly Random _random = new(seed);
    readonly List<Span> _spans = [];
    readonly List<Span> _producers = [];
    ulong _ids = 1;

    public List<Span> Make()
    {
        for (ulong trace = 1; _spans.Count < spans; trace++)
            Server(SomeSpans.Trace(trace), default, Service(), _random.Next(2) == 0, 0);
        return [.. _spans.Where(_ => _random.Next(12) > 0)];
    }

    string Service() => $"service{_random.Next(4)}";

    Span Add(TraceId trace, ulong id, SpanId parent, string service, SpanKind kind, bool isZipkin)
    {
        var span = isZipkin ? SomeSpans.Zipkin(1, service) : SomeSpans.Otlp(1, service);
        span = span.At(_random.Next(200_000_000), _random.Next(1, 1_000_000)) with
        {
            TraceId = trace,
            SpanId = new SpanId(id),
            ParentSpanId = parent,
            Kind = kind,
            Name = $"operation{_random.Next(3)}",
            Status = _random.Next(10) == 0 ? StatusCode.Error : StatusCode.Unset,
            Attributes = kind is SpanKind.Client or SpanKind.Producer
                ? _random.Next(8) switch
                {
                    0 => [SomeSpans.Tag("peer.service", "elsewhere")],
                    1 => [SomeSpans.Tag("peer.service", Service())],
                    2 => [SomeSpans.Tag("db.system", "mysql")],
                    3 => [SomeSpans.Tag("db.system", "redis")],
                    4 => [SomeSpans.Tag("messaging.system", "kafka")],
                    _ => [],
                }
                : [],
        };
        _spans.Add(span);
        return span;
    }

    void Server(TraceId trace, SpanId parent, string service, bool isZipkin, int depth)
    {
        var span = Add(trace, _ids++, parent, service, SpanKind.Server, isZipkin);
        Inside(trace, span.SpanId, service, isZipkin, depth);
    }

    void Inside(TraceId trace, SpanId parent, string service, bool isZipkin, int depth)
    {
        for (var i = _random.Next(4); i > 0 && depth < 6; i--)
        {
            switch (_random.Next(6))
            {
                case 0:
                    var kind = isZipkin ? SpanKind.Unspecified : SpanKind.Internal;
                    Inside(trace, Add(trace, _ids++, parent, service, kind, isZipkin).SpanId, service, isZipkin,
                        depth + 1);
                    break;
                case 1:
                    // a service whose own server's span is not traced
                    _ = Add(trace, _ids++, parent, Service(), SpanKind.Client, isZipkin);
                    break;
                case 2:
                    Message(trace, parent, service, isZipkin, depth);
                    break;
                default:
                    Call(trace, parent, service, isZipkin, depth);
                    break;
            }
        }
    }

    void Call(TraceId trace, SpanId parent, string service, bool isZipkin, int depth)
    {
        var client = Add(trace, _ids++, parent, service, SpanKind.Client, isZipkin);
        // layers, of which the outermost or the innermost is the callee's parent
        var inner = client;
        while (_random.Next(3) == 0)
        {
            SpanKind[] kinds = [SpanKind.Client, SpanKind.Client, SpanKind.Internal, SpanKind.Producer];
            inner = Add(trace, _ids++, inner.SpanId, service, _random.GetItems(kinds, 1)[0], isZipkin);
            if (_random.Next(4) == 0)
                _ = Add(trace, _ids++, inner.SpanId, service, SpanKind.Client, isZipkin);
        }
        if (_random.Next(2) == 0 && (inner.Kind == SpanKind.Client || !isZipkin))
            client = inner;
        if (!isZipkin || _random.Next(3) == 0)
        {
            if (_random.Next(4) > 0)
                Server(trace, client.SpanId, Service(), isZipkin, depth + 1);
            return;
        }
        var callee = Service();
        _ = Add(trace, client.SpanId.Value, client.ParentSpanId, callee, SpanKind.Server, isZipkin);
        _spans[^1] = _spans[^1] with { Shared = true };
        Inside(trace, client.SpanId, callee, isZipkin, depth + 1);
    }

    void Message(TraceId trace, SpanId parent, string service, bool isZipkin, int depth)
    {
        var producer = Add(trace, _ids++, parent, service, SpanKind.Producer, isZipkin);
        _producers.Add(producer);
        for (var i = _random.Next(3); i > 0; i--)
        {
            var isChild = isZipkin || _random.Next(2) == 0;
            var service2 = Service();
            var traceOfConsumer = isChild ? trace : SomeSpans.Trace(1_000_000 + _ids);
            var around = isChild ? producer.SpanId : default;
            if (_random.Next(3) == 0)
            {
                var poll = _random.Next(2) == 0 ? SpanKind.Internal : SpanKind.Client;
                around = Add(traceOfConsumer, _ids++, around, service2, poll, isZipkin).SpanId;
            }
            var consumer = Consumer(traceOfConsumer, around, service2, isZipkin, producer);
            // what processes the message that it receives, within it or beside it
            if (_random.Next(3) == 0)
                _ = Consumer(traceOfConsumer, around, service2, isZipkin, producer);
            around = consumer.SpanId;
            if (_random.Next(3) == 0)
                around = Add(traceOfConsumer, _ids++, around, service2, SpanKind.Internal, isZipkin).SpanId;
            if (_random.Next(3) == 0)
                _ = Consumer(traceOfConsumer, around, service2, isZipkin, producer);
            Inside(traceOfConsumer, consumer.SpanId, service2, isZipkin, depth + 1);
        }
    }

    Span Consumer(TraceId trace, SpanId parent, string service, bool isZipkin, Span producer)
    {
        var consumer = Add(trace, _ids++, parent, service, SpanKind.Consumer, isZipkin);
        if (!isZipkin)
            _spans[^1] = consumer with { Links = [.. Links(producer)] };
        return consumer;
    }

    IEnumerable<SpanLink> Links(Span producer)
    {
        yield return new SpanLink { TraceId = producer.TraceId, SpanId = producer.SpanId };
        var another = _producers[_random.Next(_producers.Count)];
        yield return new SpanLink { TraceId = another.TraceId, SpanId = another.SpanId };
        if (_random.Next(3) == 0)
            yield return new SpanLink { TraceId = producer.TraceId, SpanId = producer.SpanId };
    }
}
