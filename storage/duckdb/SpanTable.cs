using System.Globalization;
using System.Numerics;
using System.Text;
using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Storage.DuckDb;

/// <summary>Spans to rows and back. <see cref="Append"/> writes the columns in <see cref="Schema"/>'s order.</summary>
static class SpanTable
{
    const string Fixed = """
        trace_high, trace_low, span_id, coalesce(parent_id, 0), service, name, kind, start_ns, duration_ns, status,
        status_message, flags, origin, zipkin_flags, local_address, remote_service, remote_address, rest,
        resource_id, scope_id
        """;

    /// <summary>Places of columns in the table.</summary>
    public const int TraceHighColumn = 0;
    public const int TraceLowColumn = 1;
    public const int SpanIdColumn = 2;
    public const int ParentIdColumn = 3;

    // W3C's flags, then whether the parent is remote: the latter differ, and are packed in 2 bits if they are lowest
    const int FlagsRotation = 8;

    const byte Shared = 1;
    const byte Debug = 2;

    /// <summary>SQL for whether a span had come before; see <see cref="SeenSpans"/>.</summary>
    public const string IsRepeat = "coalesce(zipkin_flags & 4, 0) = 4";

    /// <summary>SQL for the <see cref="SpanMarks"/>.</summary>
    public const string Marks = "coalesce(zipkin_flags & 12, 0)::UTINYINT";

    /// <summary>SQL for whether a row is the first to say that its span failed.</summary>
    public const string IsFirstFailure = "(status = 2 AND coalesce(zipkin_flags & 12, 0) <> 4)";

    /// <summary>SQL for whether a span has the id of a client's, by its own word.</summary>
    public const string IsShared = "coalesce(zipkin_flags & 1, 0) = 1";

    /// <summary>What <see cref="Read"/> reads, in its order.</summary>
    public static string Columns(Layout layout) =>
        string.Join(", ", [Fixed, .. layout.Columns.Select(column => column.Quoted), AttributeReader.Columns]);

    /// <summary>What <see cref="ReadBrief"/> reads, in its order.</summary>
    public const string BriefColumns = """
        trace_high, trace_low, span_id, coalesce(parent_id, 0), name, kind, start_ns, duration_ns, status, origin,
        resource_id
        """;

    const string End = "((start_ns::HUGEINT + duration_ns + 18446744073709551616) % 18446744073709551616)";

    /// <summary>SQL for <see cref="Span.KnownDuration"/>, a BIGINT; NULL where it is unknown.</summary>
    // the first case is what nearly all spans are, and costs no arithmetic
    public const string KnownDuration = $"""
        (CASE WHEN duration_ns > 0 AND start_ns BETWEEN 1 AND 9223372036854775807 THEN duration_ns
        WHEN {End} > start_ns AND (start_ns > 0 OR origin = 1)
            THEN least({End} - start_ns, 9223372036854775807)::BIGINT
        WHEN start_ns > 0 AND {End} > 0 AND origin = 0 THEN 0 END)
        """;

    /// <summary>
    /// SQL for <see cref="TraceQl.TraceFacts.DurationNanos"/> of a group of rows, but that it may be longer; never
    /// NULL. To take the lesser of it and a bound is safe, but not of a term that may be NULL: least(1, NULL) is 1.
    /// </summary>
    /// <param name="known">A column with what <see cref="KnownDuration"/> says.</param>
    public static string TraceDuration(string known) => $"""
        coalesce(max(start_ns::HUGEINT + coalesce({known}, 0)) FILTER (start_ns > 0)
            - min(start_ns::HUGEINT) FILTER (start_ns > 0), max({known}), 0)
        """;

    public static void Append(
        RowAppender row, int rowId, Span span, SearchNames names, int resourceId, int scopeId,
        AttributeWriter attributes, SpanMarks marks)
    {
        row.Append(span.TraceId.High);
        row.Append(span.TraceId.Low);
        row.Append(span.SpanId.Value);
        row.Append(span.ParentSpanId.Value);
        row.Append(names.Service);
        row.Append(span.Name);
        AppendUnless(Ascii.IsValid(span.Name), row, names.Name);
        row.Append((int)span.Kind);
        row.Append(span.StartUnixNano);
        row.Append(span.DurationNanos);
        row.Append((int)span.Status);
        AppendUnless(span.StatusMessage.Length == 0, row, span.StatusMessage);
        row.Append(BitOperations.RotateRight(span.Flags, FlagsRotation));
        row.Append((byte)span.Origin);
        if (span.Shared || span.Debug || marks != SpanMarks.None)
            row.Append((byte)((span.Shared ? Shared : 0) | (span.Debug ? Debug : 0) | (int)marks));
        else
            row.AppendNull();
        AppendAddress(row, span.LocalEndpoint);
        AppendUnless(names.RemoteService.Length == 0, row, names.RemoteService);
        AppendAddress(row, span.RemoteEndpoint);
        AppendRest(row, span);
        row.Append(resourceId);
        row.Append(scopeId);
        attributes.Append(row, span.Attributes, rowId);
        row.EndRow();
    }

    public static Span Read(IRow row, Layout layout, SharedContents contents)
    {
        var traceId = new TraceId(row.Next<ulong>(), row.Next<ulong>());
        var spanId = new SpanId(row.Next<ulong>());
        var parentId = new SpanId(row.Next<ulong>());
        var service = row.NextText()!;
        var name = row.NextText()!;
        row.SkipSearchText();
        var kind = (SpanKind)row.Next<int>();
        var start = row.Next<ulong>();
        var end = unchecked(start + (ulong)row.Next<long>());
        var status = (StatusCode)row.Next<int>();
        var statusMessage = row.NextText() ?? "";
        var flags = BitOperations.RotateLeft(row.Next<uint>(), FlagsRotation);
        var origin = (SpanOrigin)row.Next<byte>();
        var zipkinFlags = row.NextOrNull<byte>() ?? 0;
        var local = ReadEndpoint(service, row.NextText());
        var remote = ReadEndpoint(row.NextText() ?? "", row.NextText());
        row.SkipSearchTexts();
        var rest = row.NextBlob() is { } blob ? OtlpProtobuf.DecodeRest(blob) : SpanRest.None;
        return new Span
        {
            TraceId = traceId,
            SpanId = spanId,
            ParentSpanId = parentId,
            Name = name,
            Kind = kind,
            StartUnixNano = start,
            EndUnixNano = end,
            Status = status,
            StatusMessage = statusMessage,
            Flags = flags,
            Origin = origin,
            Shared = (zipkinFlags & Shared) != 0,
            Debug = (zipkinFlags & Debug) != 0,
            LocalEndpoint = local,
            RemoteEndpoint = remote,
            TraceState = rest.TraceState,
            Events = rest.Events,
            Links = rest.Links,
            DroppedAttributes = rest.DroppedAttributes,
            DroppedEvents = rest.DroppedEvents,
            DroppedLinks = rest.DroppedLinks,
            Resource = contents.Resources.Get(row.Next<int>()),
            Scope = contents.Scopes.Get(row.Next<int>()),
            Attributes = AttributeReader.Read(row, layout, contents.Shapes),
        };
    }

    /// <summary>
    /// A span without attributes, status message, scope, endpoints, and what few have: a fifth of the columns, as
    /// each costs DuckDB some 50 µs to plan, however few rows there are.
    /// </summary>
    public static Span ReadBrief(IRow row, SharedContents contents)
    {
        var (traceId, spanId) = (new TraceId(row.Next<ulong>(), row.Next<ulong>()), new SpanId(row.Next<ulong>()));
        var parentId = new SpanId(row.Next<ulong>());
        var (name, kind) = (row.NextText()!, (SpanKind)row.Next<int>());
        var start = row.Next<ulong>();
        return new Span
        {
            TraceId = traceId,
            SpanId = spanId,
            ParentSpanId = parentId,
            Name = name,
            Kind = kind,
            StartUnixNano = start,
            EndUnixNano = unchecked(start + (ulong)row.Next<long>()),
            Status = (StatusCode)row.Next<int>(),
            Origin = (SpanOrigin)row.Next<byte>(),
            Resource = contents.Resources.Get(row.Next<int>()),
        };
    }

    /// <summary>What <see cref="ReadBrief"/> would have read of a span.</summary>
    public static Span BriefOf(Span span) => new()
    {
        TraceId = span.TraceId,
        SpanId = span.SpanId,
        ParentSpanId = span.ParentSpanId,
        Name = span.Name,
        Kind = span.Kind,
        StartUnixNano = span.StartUnixNano,
        EndUnixNano = span.EndUnixNano,
        Status = span.Status,
        Origin = span.Origin,
        Resource = span.Resource,
    };

    static void AppendUnless(bool isNull, RowAppender row, string text)
    {
        if (isNull)
            row.AppendNull();
        else
            row.Append(text);
    }

    // all but the service: "10.0.0.1 ::1 8080", with nothing for an address that is absent and 0 for the port
    static void AppendAddress(RowAppender row, Endpoint? endpoint)
    {
        if (endpoint is null)
            row.AppendNull();
        else
            row.Append(string.Create(CultureInfo.InvariantCulture, $"{endpoint.Ipv4} {endpoint.Ipv6} {endpoint.Port}"));
    }

    static Endpoint? ReadEndpoint(string service, string? address)
    {
        if (address is null)
            return null;
        var parts = address.Split(' ');
        return new Endpoint
        {
            ServiceName = service,
            Ipv4 = parts[0],
            Ipv6 = parts[1],
            Port = ushort.Parse(parts[2], CultureInfo.InvariantCulture),
        };
    }

    static void AppendRest(RowAppender row, Span span)
    {
        if (span.Events.Length == 0)
        {
            row.AppendNull();
        }
        else
        {
            row.BeginList(span.Events.Length);
            foreach (var occurred in span.Events)
                row.AppendElement(occurred.Name);
        }
        if (OtlpProtobuf.HasRest(span))
            row.Append(OtlpProtobuf.EncodeRest(span));
        else
            row.AppendNull();
    }
}

/// <summary>What a row is beside other reports of its span, in the column zipkin_flags.</summary>
[Flags]
enum SpanMarks : byte
{
    None = 0,

    /// <summary>See <see cref="SpanReport.IsRepeat"/>.</summary>
    Repeat = 4,

    /// <summary>See <see cref="SpanReport.IsFirstFailure"/>.</summary>
    FirstFailure = 8,
}

/// <summary>Names of a span as they are searched for: in lower case, empty when absent.</summary>
readonly record struct SearchNames(string Service, string Name, string RemoteService)
{
    public static SearchNames Of(Span span) => new(
        ZipkinText.ToLower(span.ServiceName), ZipkinText.ToLower(span.Name), ZipkinMapping.RemoteServiceName(span));
}
