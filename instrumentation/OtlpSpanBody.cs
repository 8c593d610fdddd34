using System.Collections;
using System.Diagnostics;
using System.Globalization;

namespace Tracing.Instrumentation;

/// <summary>
/// OTLP's <c>ExportTraceServiceRequest</c>, by the field numbers of its trace.proto. Spans are written when they come;
/// those of one source lie together. What a span has beyond its bounds is left out, and its number said.
/// </summary>
/// <param name="maxSpanBytes">Bytes of a span, beyond which only what was begun is ended: 64 KiB at most.</param>
sealed class OtlpSpanBody(OtlpResource resource, ReportTarget target, SourceNames sources, int maxSpanBytes) : SpanBody
{
    /// <summary>Default of the bytes of a span.</summary>
    public const int MaxSpanBytes = 256 << 10;

    /// <summary>Longest text or bytes of an attribute; what is longer is cut. In UTF-16 units, or bytes.</summary>
    const int MaxText = 16_384;

    /// <summary>Longest key of an attribute, and name of an event or a source, in UTF-16 units.</summary>
    const int MaxKey = 1024;

    /// <summary>Attributes, events and links of a span; attributes of each; elements of a list.</summary>
    const int MaxItems = 1000;

    /// <summary>Bytes of a list with all lists in it.</summary>
    const int MaxListBytes = 64 << 10;

    /// <summary>Depth of lists within lists.</summary>
    const int MaxNesting = 8;

    /// <summary>Sources whose spans are held at a time; each takes a buffer.</summary>
    const int MaxScopes = 128;

    const uint HasParentKind = 0x100;
    const uint ParentIsRemote = 0x200;

    readonly Dictionary<ActivitySource, ProtobufWriter> _scopes = [];
    ActivitySource? _lastSource;
    ProtobufWriter? _lastScope;
    int _length;

    public override int Length => _length;

    public override bool IsFull => _scopes.Count > MaxScopes;

    public override void Add(Activity span, string? state = null)
    {
        var scope = ScopeOf(span.Source);
        var before = scope.Length;
        try
        {
            Write(scope, span, state);
        }
        catch
        {
            scope.CutTo(before);
            throw;
        }
        _length += scope.Length - before;
        Count++;
    }

    void Write(ProtobufWriter scope, Activity span, string? state)
    {
        var end = scope.Length + maxSpanBytes;
        var message = scope.Begin(2);
        var parent = sources.ParentOf(span);
        WriteIds(scope, span, parent.Id, state ?? span.TraceStateString);
        scope.Text(5, Conventions.NameOf(span));
        scope.Varint(6, (ulong)Conventions.KindOf(span) + 1);
        var start = UnixNanos(span.StartTimeUtc);
        scope.Fixed64(7, start);
        scope.Fixed64(8, start + (ulong)span.Duration.Ticks * 100);
        // half of the room is kept for events, which say what went wrong, and some of that for links
        var (count, dropped) = (0, 0u);
        foreach (ref readonly var tag in span.EnumerateTagObjects())
        {
            if (HasRoom(scope, end - maxSpanBytes / 2, ref count, ref dropped))
                WriteTag(scope, span, tag);
        }
        WriteDropped(scope, 10, dropped);
        (count, dropped) = (0, 0);
        foreach (ref readonly var each in span.EnumerateEvents())
        {
            if (HasRoom(scope, end - maxSpanBytes / 8, ref count, ref dropped))
                WriteEvent(scope, each, end);
        }
        WriteDropped(scope, 12, dropped);
        (count, dropped) = (0, 0);
        foreach (ref readonly var link in span.EnumerateLinks())
        {
            if (HasRoom(scope, end, ref count, ref dropped))
                WriteLink(scope, link, end);
        }
        WriteDropped(scope, 14, dropped);
        WriteStatus(scope, span);
        scope.Fixed32(16, (uint)span.ActivityTraceFlags | HasParentKind | (parent.IsRemote ? ParentIsRemote : 0));
        scope.End(message);
    }

    static bool HasRoom(ProtobufWriter scope, int end, ref int count, ref uint dropped)
    {
        if (count++ < MaxItems && scope.Length < end)
            return true;
        dropped++;
        return false;
    }

    static void WriteDropped(ProtobufWriter scope, int field, uint dropped)
    {
        if (dropped > 0)
            scope.Varint(field, dropped);
    }

    public override Body Take()
    {
        using var body = new ProtobufWriter();
        var all = body.Begin(1);
        resource.Write(body);
        foreach (var (source, spans) in _scopes)
        {
            if (spans.Length == 0)
            {
                // a source may have been disposed of
                _scopes.Remove(source);
                spans.Dispose();
                continue;
            }
            var scope = body.Begin(2);
            var name = body.Begin(1);
            body.Text(1, Cut(source.Name, MaxKey));
            body.Text(2, Cut(source.Version ?? "", MaxKey));
            body.End(name);
            body.Raw(spans.Written);
            body.End(scope);
            spans.Clear();
        }
        body.End(all);
        (_lastSource, _lastScope) = (null, null);
        var result = OtlpWire.Body(body, target, Count);
        (_length, Count) = (0, 0);
        return result;
    }

    public override void Dispose()
    {
        foreach (var scope in _scopes.Values)
            scope.Dispose();
    }

    ProtobufWriter ScopeOf(ActivitySource source)
    {
        if (ReferenceEquals(source, _lastSource))
            return _lastScope!;
        if (!_scopes.TryGetValue(source, out var scope))
            _scopes[source] = scope = new ProtobufWriter();
        (_lastSource, _lastScope) = (source, scope);
        return scope;
    }

    static void WriteIds(ProtobufWriter scope, Activity span, ActivitySpanId parent, string? state)
    {
        scope.Hex(1, span.TraceId.ToHexString());
        scope.Hex(2, span.SpanId.ToHexString());
        if (!string.IsNullOrEmpty(state))
            scope.Text(3, state);
        if (parent != default)
            scope.Hex(4, parent.ToHexString());
    }

    static void WriteTag(ProtobufWriter scope, Activity span, in KeyValuePair<string, object?> tag)
    {
        switch (tag.Key)
        {
            case Conventions.GrpcMethod when tag.Value is string method:
                var parts = method.TrimStart('/').Split('/', 2);
                Attribute(scope, 9, "rpc.system", "grpc");
                Attribute(scope, 9, "rpc.service", parts[0]);
                Attribute(scope, 9, "rpc.method", parts.Length > 1 ? parts[1] : "");
                break;
            case Conventions.GrpcStatus when Conventions.GrpcStatusOf(tag.Value) is var status and >= 0:
                Attribute(scope, 9, "rpc.grpc.status_code", status);
                if (Conventions.GrpcErrorOf(span, status) is { } error &&
                    span.GetTagItem(Conventions.ErrorType) is null)
                    Attribute(scope, 9, Conventions.ErrorType, error);
                break;
            default:
                Attribute(scope, 9, tag.Key, tag.Value);
                break;
        }
    }

    static void WriteEvent(ProtobufWriter scope, in ActivityEvent each, int end)
    {
        var message = scope.Begin(11);
        scope.Fixed64(1, UnixNanos(each.Timestamp.UtcDateTime));
        scope.Text(2, Cut(each.Name, MaxKey));
        var (count, dropped) = (0, 0u);
        foreach (ref readonly var tag in each.EnumerateTagObjects())
        {
            if (HasRoom(scope, end, ref count, ref dropped))
                Attribute(scope, 3, tag.Key, tag.Value);
        }
        WriteDropped(scope, 4, dropped);
        scope.End(message);
    }

    static void WriteLink(ProtobufWriter scope, in ActivityLink link, int end)
    {
        var message = scope.Begin(13);
        scope.Hex(1, link.Context.TraceId.ToHexString());
        scope.Hex(2, link.Context.SpanId.ToHexString());
        if (!string.IsNullOrEmpty(link.Context.TraceState))
            scope.Text(3, link.Context.TraceState);
        var (count, dropped) = (0, 0u);
        foreach (ref readonly var tag in link.EnumerateTagObjects())
        {
            if (HasRoom(scope, end, ref count, ref dropped))
                Attribute(scope, 4, tag.Key, tag.Value);
        }
        WriteDropped(scope, 5, dropped);
        scope.Fixed32(6, (uint)link.Context.TraceFlags | HasParentKind | (link.Context.IsRemote ? ParentIsRemote : 0));
        scope.End(message);
    }

    static void WriteStatus(ProtobufWriter scope, Activity span)
    {
        var isError = Conventions.IsError(span);
        if (!isError && span.Status == ActivityStatusCode.Unset)
            return;
        var message = scope.Begin(15);
        if (!string.IsNullOrEmpty(span.StatusDescription))
            scope.Text(2, Cut(span.StatusDescription));
        scope.Varint(3, isError ? 2u : 1u);
        scope.End(message);
    }

    /// <summary>A KeyValue; attributes without a value are left out, as OpenTelemetry's are never null.</summary>
    public static void Attribute(ProtobufWriter writer, int field, string key, object? value)
    {
        if (value is null)
            return;
        var message = writer.Begin(field);
        writer.Text(1, Cut(key, MaxKey));
        var before = writer.Length;
        try
        {
            Value(writer, 2, value, MaxNesting, before + MaxListBytes);
        }
        catch (Exception e)
        {
            // an object of the service's own type can do anything when it is read; the rest of the span is sent
            writer.CutTo(before);
            Value(writer, 2, $"unreadable: {e.GetType().Name}", 0, before);
        }
        writer.End(message);
    }

    /// <param name="end">Where lists end.</param>
    static void Value(ProtobufWriter writer, int field, object? value, int nesting, int end)
    {
        var any = writer.Begin(field);
        switch (value)
        {
            case null:
                break;
            case string text:
                writer.Text(1, Cut(text));
                break;
            case bool flag:
                writer.Varint(2, flag ? 1u : 0);
                break;
            case int number:
                writer.Varint(3, (ulong)number);
                break;
            case long number:
                writer.Varint(3, (ulong)number);
                break;
            case short or sbyte or byte or ushort or uint:
                writer.Varint(3, (ulong)Convert.ToInt64(value, CultureInfo.InvariantCulture));
                break;
            case double number:
                writer.Double(4, number);
                break;
            case float number:
                writer.Double(4, number);
                break;
            case byte[] bytes:
                writer.Bytes(7, bytes.AsSpan(0, Math.Min(bytes.Length, MaxText)));
                break;
            // a sequence that is made as it is read may have no end, or wait; a collection is there
            case ICollection or IReadOnlyCollection<object> when nesting > 0:
                List(writer, (IEnumerable)value, nesting - 1, end);
                break;
            default:
                writer.Text(1, Cut(Convert.ToString(value, CultureInfo.InvariantCulture) ?? ""));
                break;
        }
        writer.End(any);
    }

    static void List(ProtobufWriter writer, IEnumerable items, int nesting, int end)
    {
        var list = writer.Begin(5);
        var count = 0;
        foreach (var item in items)
        {
            if (count++ == MaxItems || writer.Length >= end)
                break;
            Value(writer, 1, item, nesting, end);
        }
        writer.End(list);
    }

    static ReadOnlySpan<char> Cut(string text, int length = MaxText) => text.AsSpan(0, Math.Min(text.Length, length));

    static ulong UnixNanos(DateTime time) => (ulong)Math.Max(0, time.Ticks - DateTime.UnixEpoch.Ticks) * 100;
}
