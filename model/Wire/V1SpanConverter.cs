namespace Tracing.Model.Wire;

/// <summary>
/// Makes v2 spans of a v1 span: one for each service that annotated it, whose kind and times follow from the
/// annotations cs/cr (client send, receive), sr/ss (server), ms/mr (message) and ws/wr (wire), and whose remote
/// endpoint follows from the addresses sa, ca and ma. A server's half of a shared span is marked so.
/// </summary>
sealed class V1SpanConverter(ZipkinSpanList spans)
{
    readonly List<ZipkinSpanBuilder> _sides = [];
    readonly Dictionary<string, ZipkinSpanBuilder> _byService = new(StringComparer.Ordinal);
    V1Annotation? _cs, _cr, _sr, _ss, _ms, _mr, _ws, _wr;

    /// <summary>Appends the spans; answers null, or why they were refused.</summary>
    public string? Convert(V1Span source)
    {
        if (source.TraceId.IsZero || source.Id.IsZero)
            return source.TraceId.IsZero ? "traceId == 0" : "id == 0";
        _sides.Clear();
        _byService.Clear();
        _cs = _cr = _sr = _ss = _ms = _mr = _ws = _wr = null;
        NewSide(source);
        foreach (var annotation in source.Annotations)
            Take(source, annotation);
        ConvertRpc(source);
        ConvertMessage(source);
        ConvertTags(source);
        foreach (var side in _sides)
        {
            if (side.Build(out var span) is { } lacking)
                return lacking;
            spans.Add(span);
        }
        return null;
    }

    ZipkinSpanBuilder First => _sides[0];

    void Take(V1Span source, V1Annotation annotation)
    {
        var side = Side(source, annotation.Endpoint);
        // without an endpoint nobody can tell whose mark it is
        switch (annotation.Endpoint is null ? "" : annotation.Value)
        {
            case "cs": (_cs, side.Kind) = (annotation, SpanKind.Client); break;
            case "cr": (_cr, side.Kind) = (annotation, SpanKind.Client); break;
            case "sr": (_sr, side.Kind) = (annotation, SpanKind.Server); break;
            case "ss": (_ss, side.Kind) = (annotation, SpanKind.Server); break;
            case "ms": (_ms, side.Kind) = (annotation, SpanKind.Producer); break;
            case "mr": (_mr, side.Kind) = (annotation, SpanKind.Consumer); break;
            case "ws": _ws = annotation; break;
            case "wr": _wr = annotation; break;
            default: Annotate(side, annotation); break;
        }
    }

    void ConvertRpc(V1Span source)
    {
        _cs ??= StartOf(source, _cr, "cs");
        _sr ??= StartOf(source, _ss, "sr");
        if (_cs is { } cs && _sr is { } sr)
            SplitRpc(source, cs, sr);
        else if (_cs is { } send && _cr is { } receive)
            SetTimes(source, send, receive);
        else if (_sr is { } request && _ss is { } response)
            SetTimes(source, request, response);
        else
            KeepIncompleteRpc(source);
        // who reports no times of its own left them to the client; a row that both sides write has only the client's
        if (_cs is null && _sr is { } server &&
            (source.Timestamp == 0 || (_ss is not null && source.Duration == 0)))
            Side(source, server.Endpoint).Shared = true;
    }

    // an end that agrees with the span's own times implies its start
    static V1Annotation? StartOf(V1Span source, V1Annotation? end, string value) =>
        end is { } known && source.Timestamp != 0 && source.Duration != 0 &&
        source.Timestamp + source.Duration == known.Micros
            ? new V1Annotation(source.Timestamp, value, known.Endpoint)
            : null;

    void SplitRpc(V1Span source, V1Annotation cs, V1Annotation sr)
    {
        // the client's times are the span's, the server's only in its annotations
        SetTimes(source, cs, _cr);
        var client = Side(source, cs.Endpoint);
        var server = OtherSide(source, client, cs, sr, SpanKind.Client, SpanKind.Server);
        server.Shared = true;
        server.SetTimestamp(sr.Micros);
        if (_ss is { } ss)
            server.SetDuration(ss.Micros - sr.Micros);
        if (_cr is null && source.Duration == 0)
            client.SetDuration(0);
    }

    // both sides of a loopback have one service name, which would make them one span
    ZipkinSpanBuilder OtherSide(
        V1Span source, ZipkinSpanBuilder near, V1Annotation from, V1Annotation to, SpanKind nearKind, SpanKind farKind)
    {
        if (from.Endpoint!.ServiceName != to.Endpoint!.ServiceName)
            return Side(source, to.Endpoint);
        near.Kind = nearKind;
        var far = NewSide(source);
        far.LocalEndpoint = to.Endpoint;
        far.Kind = farKind;
        return far;
    }

    void KeepIncompleteRpc(V1Span source)
    {
        foreach (var side in _sides)
        {
            var (start, end) = side.Kind switch
            {
                SpanKind.Client => (_cs, _cr),
                SpanKind.Server => (_sr, _ss),
                _ => default,
            };
            if (start is { } from)
                side.SetTimestamp(from.Micros);
            if (end is { } to)
                Annotate(side, to);
        }
        if (source.Timestamp != 0)
        {
            First.SetTimestamp(source.Timestamp);
            First.SetDuration(source.Duration);
        }
    }

    void ConvertMessage(V1Span source)
    {
        if (_ms is { } ms && _mr is { } mr)
        {
            SplitMessage(source, ms, mr);
        }
        else if (_ms is { } sent)
        {
            SetTimes(source, sent, _ws);
        }
        else if (_mr is { } received)
        {
            SetTimes(source, _wr ?? received, _wr is null ? null : received);
        }
        else
        {
            if (_ws is { } ws)
                Annotate(Side(source, ws.Endpoint), ws);
            if (_wr is { } wr)
                Annotate(Side(source, wr.Endpoint), wr);
        }
    }

    void SplitMessage(V1Span source, V1Annotation ms, V1Annotation mr)
    {
        var producer = Side(source, ms.Endpoint);
        var consumer = OtherSide(source, producer, ms, mr, SpanKind.Producer, SpanKind.Consumer);
        consumer.Shared = true;
        consumer.SetTimestamp(_wr?.Micros ?? mr.Micros);
        if (_wr is { } wr)
            consumer.SetDuration(mr.Micros - wr.Micros);
        producer.SetTimestamp(ms.Micros);
        producer.SetDuration(_ws is { } ws ? ws.Micros - ms.Micros : 0);
    }

    // the span's own times count when it has both
    void SetTimes(V1Span source, V1Annotation start, V1Annotation? end)
    {
        var side = Side(source, start.Endpoint);
        if (source.Timestamp != 0 && source.Duration != 0)
        {
            side.SetTimestamp(source.Timestamp);
            side.SetDuration(source.Duration);
            return;
        }
        side.SetTimestamp(start.Micros);
        if (end is { } known)
            side.SetDuration(known.Micros - start.Micros);
    }

    void ConvertTags(V1Span source)
    {
        V1Tag? sa = null, ca = null, ma = null;
        foreach (var tag in source.Tags)
        {
            // some senders write "1" instead of true, so the value of an address is not looked at
            switch (tag.Key)
            {
                case "sa": sa = tag; break;
                case "ca": ca = tag; break;
                case "ma": ma = tag; break;
                // an empty "lc" only names the host
                case "lc" when tag.Value is "": Side(source, tag.Endpoint); break;
                default: Side(source, tag.Endpoint).AddTag(tag.Key, tag.Value ?? ""); break;
            }
        }
        var noMarks = _cs is null && _cr is null && _sr is null && _ss is null;
        if (noMarks && (sa is not null || ca is not null))
            SetAddresses(source, sa?.Endpoint, ca);
        else
            SetRemotes(source, sa?.Endpoint, ca?.Endpoint, ma?.Endpoint);
    }

    // addresses alone tell less: "sa" by itself does not make a client
    void SetAddresses(V1Span source, Endpoint? sa, V1Tag? ca)
    {
        if (ca is not { } caller)
        {
            First.RemoteEndpoint = sa;
        }
        else if (sa is not null)
        {
            Side(source, caller.Endpoint).RemoteEndpoint = sa;
        }
        else
        {
            First.Kind = SpanKind.Server;
            First.RemoteEndpoint = caller.Endpoint;
        }
    }

    void SetRemotes(V1Span source, Endpoint? sa, Endpoint? ca, Endpoint? ma)
    {
        if (ca is not null && (_sr ?? _ss) is { } server && ca != server.Endpoint)
        {
            // a server does not call itself: only the address is the caller's
            var caller = ca.ServiceName == server.Endpoint!.ServiceName ? ca with { ServiceName = "" } : ca;
            Side(source, server.Endpoint).RemoteEndpoint = caller;
        }
        if (sa is not null && (_cs ?? _cr) is { } client)
            Side(source, client.Endpoint).RemoteEndpoint = sa;
        if (ma is null)
            return;
        if (_ms is { } ms)
            Side(source, ms.Endpoint).RemoteEndpoint = ma;
        if (_mr is { } mr)
            Side(source, mr.Endpoint).RemoteEndpoint = ma;
    }

    /// <summary>The span of a service; the first service takes the first span, as does what has no endpoint.</summary>
    ZipkinSpanBuilder Side(V1Span source, Endpoint? endpoint)
    {
        if (endpoint is null)
            return First;
        if (_byService.TryGetValue(endpoint.ServiceName, out var side))
            return side;
        side = First.LocalEndpoint is null ? First : NewSide(source);
        side.LocalEndpoint = endpoint;
        _byService.Add(endpoint.ServiceName, side);
        return side;
    }

    ZipkinSpanBuilder NewSide(V1Span source)
    {
        var side = new ZipkinSpanBuilder(null)
        {
            TraceId = source.TraceId,
            Id = source.Id,
            ParentId = source.ParentId,
            Debug = source.Debug,
        };
        side.SetName(source.Name);
        _sides.Add(side);
        return side;
    }

    static void Annotate(ZipkinSpanBuilder side, V1Annotation annotation) =>
        side.AddAnnotation(annotation.Micros, annotation.Value);
}
