using System.Collections;
using System.Diagnostics;
using System.Globalization;

namespace Tracing.Instrumentation;

/// <summary>
/// OTLP's <c>ExportTraceServiceRequest</c>, by the field numbers of its trace.proto. Spans are written when they come;
/// those of one source lie together.
/// </summary>
sealed class OtlpSpanBody(OtlpResource resource, ReportFormat format) : SpanBody
{
    /// <summary>Longest text or bytes of an attribute; what is longer is cut. In UTF-16 units, or bytes.</summary>
    const int MaxText = 16_384;

    /// <summary>Depth of lists within lists.</summary>
    const int MaxNesting = 8;

    const uint HasParentKind = 0x100;
    const uint ParentIsRemote = 0x200;

    readonly Dictionary<ActivitySource, ProtobufWriter> _scopes = [];
    ActivitySource? _lastSource;
    ProtobufWriter? _lastScope;
    int _length;

    public override int Length => _length;

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

    static void Write(ProtobufWriter scope, Activity span, string? state)
    {
        var message = scope.Begin(2);
        WriteIds(scope, span, state ?? span.TraceStateString);
        scope.Text(5, Conventions.NameOf(span));
        scope.Varint(6, (ulong)Conventions.KindOf(span) + 1);
        var start = UnixNanos(span.StartTimeUtc);
        scope.Fixed64(7, start);
        scope.Fixed64(8, start + (ulong)span.Duration.Ticks * 100);
        foreach (ref readonly var tag in span.EnumerateTagObjects())
            WriteTag(scope, tag);
        foreach (ref readonly var each in span.EnumerateEvents())
            WriteEvent(scope, each);
        foreach (ref readonly var link in span.EnumerateLinks())
            WriteLink(scope, link);
        WriteStatus(scope, span);
        scope.Fixed32(16, (uint)span.ActivityTraceFlags | HasParentKind | (span.HasRemoteParent ? ParentIsRemote : 0));
        scope.End(message);
    }

    public override Body Take()
    {
        using var body = new ProtobufWriter();
        var all = body.Begin(1);
        resource.Write(body);
        foreach (var (source, spans) in _scopes)
        {
            if (spans.Length == 0)
                continue;
            var scope = body.Begin(2);
            var name = body.Begin(1);
            body.Text(1, source.Name);
            body.Text(2, source.Version);
            body.End(name);
            body.Raw(spans.Written);
            body.End(scope);
            spans.Clear();
        }
        body.End(all);
        var result = OtlpWire.Body(body, format, "traces", Count);
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

    static void WriteIds(ProtobufWriter scope, Activity span, string? state)
    {
        scope.Hex(1, span.TraceId.ToHexString());
        scope.Hex(2, span.SpanId.ToHexString());
        if (!string.IsNullOrEmpty(state))
            scope.Text(3, state);
        if (span.ParentSpanId is var parent && parent != default)
            scope.Hex(4, parent.ToHexString());
    }

    static void WriteTag(ProtobufWriter scope, in KeyValuePair<string, object?> tag)
    {
        switch (tag.Key)
        {
            case Conventions.GrpcMethod when tag.Value is string method:
                var parts = method.TrimStart('/').Split('/', 2);
                Attribute(scope, 9, "rpc.system", "grpc");
                Attribute(scope, 9, "rpc.service", parts[0]);
                Attribute(scope, 9, "rpc.method", parts.Length > 1 ? parts[1] : "");
                break;
            case Conventions.GrpcStatus when int.TryParse(
                tag.Value as string, NumberStyles.None, CultureInfo.InvariantCulture, out var status):
                Attribute(scope, 9, "rpc.grpc.status_code", status);
                break;
            default:
                Attribute(scope, 9, tag.Key, tag.Value);
                break;
        }
    }

    static void WriteEvent(ProtobufWriter scope, in ActivityEvent each)
    {
        var message = scope.Begin(11);
        scope.Fixed64(1, UnixNanos(each.Timestamp.UtcDateTime));
        scope.Text(2, each.Name);
        foreach (ref readonly var tag in each.EnumerateTagObjects())
            Attribute(scope, 3, tag.Key, tag.Value);
        scope.End(message);
    }

    static void WriteLink(ProtobufWriter scope, in ActivityLink link)
    {
        var message = scope.Begin(13);
        scope.Hex(1, link.Context.TraceId.ToHexString());
        scope.Hex(2, link.Context.SpanId.ToHexString());
        if (!string.IsNullOrEmpty(link.Context.TraceState))
            scope.Text(3, link.Context.TraceState);
        foreach (ref readonly var tag in link.EnumerateTagObjects())
            Attribute(scope, 4, tag.Key, tag.Value);
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
        writer.Text(1, key);
        Value(writer, 2, value, MaxNesting);
        writer.End(message);
    }

    static void Value(ProtobufWriter writer, int field, object? value, int nesting)
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
            case IEnumerable items when nesting > 0:
                var list = writer.Begin(5);
                foreach (var item in items)
                    Value(writer, 1, item, nesting - 1);
                writer.End(list);
                break;
            default:
                writer.Text(1, Cut(Convert.ToString(value, CultureInfo.InvariantCulture) ?? ""));
                break;
        }
        writer.End(any);
    }

    static ReadOnlySpan<char> Cut(string text) => text.AsSpan(0, Math.Min(text.Length, MaxText));

    static ulong UnixNanos(DateTime time) => (ulong)Math.Max(0, time.Ticks - DateTime.UnixEpoch.Ticks) * 100;
}
