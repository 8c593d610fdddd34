using System.Runtime.InteropServices;

namespace Tracing.Model.Wire;

/// <summary>
/// A Zipkin span while its fields are read; used again for the next one after <see cref="Build"/>.
/// </summary>
/// <param name="limits">Those of the body; null where it was within them already.</param>
sealed class ZipkinSpanBuilder(ZipkinSpanList? limits)
{
    readonly List<KeyValue> _tags = [];
    readonly List<(long Micros, string Value)> _annotations = [];
    string _name = "";
    long _timestamp;
    long _duration;

    public TraceId TraceId { get; set; }

    public SpanId Id { get; set; }

    public SpanId ParentId { get; set; }

    public SpanKind Kind { get; set; }

    public Endpoint? LocalEndpoint { get; set; }

    public Endpoint? RemoteEndpoint { get; set; }

    public bool Debug { get; set; }

    /// <summary>Without effect on a client span.</summary>
    public bool Shared { get; set; }

    /// <summary>Forgets everything read so far.</summary>
    public void Clear()
    {
        _tags.Clear();
        _annotations.Clear();
        TraceId = default;
        Id = ParentId = default;
        _name = "";
        _timestamp = _duration = 0;
        Shared = Debug = false;
        Kind = SpanKind.Unspecified;
        LocalEndpoint = RemoteEndpoint = null;
    }

    public void SetName(string? name) => _name = name is null ? "" : ZipkinText.ToLower(name);

    /// <summary>In microseconds; 0 and below mean none.</summary>
    public void SetTimestamp(long micros) => _timestamp = Math.Max(micros, 0);

    /// <summary>In microseconds; 0 and below mean none.</summary>
    public void SetDuration(long micros) => _duration = Math.Max(micros, 0);

    public void AddAnnotation(long micros, string value)
    {
        if (limits?.HasRoom(_annotations.Count, "annotations") != false)
            _annotations.Add((micros, value));
    }

    /// <summary>The last value of a key counts.</summary>
    public void AddTag(string key, string value)
    {
        if (limits?.HasRoom(_tags.Count, "tags") != false)
            _tags.Add(new KeyValue(key, new AttributeValue(value)));
    }

    /// <summary>The span, and forgets it; or what it lacks, in Zipkin's words.</summary>
    public string? Build(out Span? span)
    {
        span = null;
        if (TraceId.IsZero || Id.IsZero)
            return "Missing :" + (TraceId.IsZero ? " traceId" : "") + (Id.IsZero ? " id" : "");
        var tags = UniqueKeys.Sorted(CollectionsMarshal.AsSpan(_tags));
        var (status, message) = Status(tags);
        var (start, end) = Times(ref tags);
        span = new Span
        {
            Origin = SpanOrigin.Zipkin,
            TraceId = TraceId,
            SpanId = Id,
            ParentSpanId = ParentId == Id ? default : ParentId,
            Kind = Kind,
            Name = _name,
            StartUnixNano = start,
            EndUnixNano = end,
            LocalEndpoint = LocalEndpoint,
            RemoteEndpoint = RemoteEndpoint,
            Attributes = tags,
            Events = Events(),
            Status = status,
            StatusMessage = message,
            Debug = Debug,
            Shared = Shared && Kind != SpanKind.Client,
        };
        Clear();
        return null;
    }

    // exact times follow the tags, where nanoseconds cannot hold them
    (ulong Start, ulong End) Times(ref KeyValue[] tags)
    {
        if (!ZipkinTime.TryStart(_timestamp, out var start))
            tags = [.. tags, new KeyValue(ZipkinTime.TimestampKey, new AttributeValue(_timestamp))];
        if (!ZipkinTime.TryEnd(start, _duration, out var end))
            tags = [.. tags, new KeyValue(ZipkinTime.DurationKey, new AttributeValue(_duration))];
        return (start, end);
    }

    static (StatusCode Status, string Message) Status(KeyValue[] tags)
    {
        var (status, message) = (StatusCode.Unset, "");
        foreach (var (key, value) in tags)
        {
            if (key == "error")
                (status, message) = (StatusCode.Error, value.AsString() is { } text and not "true" ? text : "");
            else if (key == "otel.status_code" && value.AsString() is "OK")
                return (StatusCode.Ok, "");
            else if (key == "otel.status_code" && value.AsString() is "ERROR")
                status = StatusCode.Error;
        }
        return (status, message);
    }

    SpanEvent[] Events()
    {
        if (_annotations.Count == 0)
            return [];
        _annotations.Sort(static (a, b) =>
            a.Micros != b.Micros ? a.Micros.CompareTo(b.Micros) : string.CompareOrdinal(a.Value, b.Value));
        var events = new List<SpanEvent>(_annotations.Count);
        for (var i = 0; i < _annotations.Count; i++)
        {
            if (i == 0 || _annotations[i] != _annotations[i - 1])
                events.Add(ZipkinTime.Event(_annotations[i].Micros, _annotations[i].Value));
        }
        return events.ToArray();
    }
}
