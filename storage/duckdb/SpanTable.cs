using DuckDB.NET.Data;
using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Storage.DuckDb;

/// <summary>Spans to rows and back. <see cref="Append"/> writes the columns in <see cref="Schema"/>'s order.</summary>
static class SpanTable
{
    const string Fixed = """
        trace_high, trace_low, span_id, coalesce(parent_id, 0), service, name, kind, start_ns, duration_ns, status,
        status_message, trace_state, flags, dropped_attributes, dropped_events, dropped_links, origin, shared, debug,
        local_ipv4, local_ipv6, local_port, remote_service, remote_ipv4, remote_ipv6, remote_port,
        events, resource_id, scope_id
        """;

    /// <summary>What <see cref="Read"/> reads, in its order.</summary>
    public static string Columns(Layout layout) =>
        string.Join(", ", [Fixed, .. layout.Columns.Select(column => column.Quoted), AttributeReader.Columns]);

    public static void Append(
        TableAppender row, Span span, SearchNames names, int resourceId, int scopeId, AttributeWriter attributes)
    {
        row.Append(span.TraceId.High);
        row.Append(span.TraceId.Low);
        row.Append(span.SpanId.Value);
        row.Append(span.ParentSpanId.Value);
        row.AppendNull(); // the order stored, which here is that of the rows
        row.AppendNull(); // the distance of the parent
        row.Append(names.Service);
        row.Append(span.Name);
        AppendUnless(names.Name == span.Name, row, names.Name);
        row.Append((int)span.Kind);
        row.Append(span.StartUnixNano);
        row.Append(span.DurationNanos);
        row.Append((int)span.Status);
        row.Append(span.StatusMessage);
        row.Append(span.TraceState);
        row.Append(span.Flags);
        row.Append(span.DroppedAttributes);
        row.Append(span.DroppedEvents);
        row.Append(span.DroppedLinks);
        row.Append((byte)span.Origin);
        row.Append(span.Shared);
        row.Append(span.Debug);
        AppendAddress(row, span.LocalEndpoint);
        AppendUnless(names.RemoteService.Length == 0, row, names.RemoteService);
        AppendAddress(row, span.RemoteEndpoint);
        AppendEvents(row, span);
        row.Append(resourceId);
        row.Append(scopeId);
        attributes.Append(row, span.Attributes);
        row.EndRow();
    }

    public static Span Read(RowReader row, Layout layout, SharedContents contents)
    {
        var traceId = new TraceId(row.Next<ulong>(), row.Next<ulong>());
        var spanId = new SpanId(row.Next<ulong>());
        var parentId = new SpanId(row.Next<ulong>());
        var service = row.Next<string>();
        var name = row.Next<string>();
        var kind = (SpanKind)row.Next<int>();
        var start = row.Next<ulong>();
        var span = new Span
        {
            TraceId = traceId,
            SpanId = spanId,
            ParentSpanId = parentId,
            Name = name,
            Kind = kind,
            StartUnixNano = start,
            EndUnixNano = unchecked(start + (ulong)row.Next<long>()),
            Status = (StatusCode)row.Next<int>(),
            StatusMessage = row.Next<string>(),
            TraceState = row.Next<string>(),
            Flags = row.Next<uint>(),
            DroppedAttributes = row.Next<uint>(),
            DroppedEvents = row.Next<uint>(),
            DroppedLinks = row.Next<uint>(),
            Origin = (SpanOrigin)row.Next<byte>(),
            Shared = row.Next<bool>(),
            Debug = row.Next<bool>(),
            LocalEndpoint = ReadEndpoint(row, service),
            RemoteEndpoint = ReadEndpoint(row, row.NextText() ?? ""),
        };
        var (events, links) = row.NextBlob() is { } blob ? OtlpProtobuf.DecodeEventsAndLinks(blob) : ([], []);
        return span with
        {
            Events = events,
            Links = links,
            Resource = contents.Resources.Get(row.Next<int>()),
            Scope = contents.Scopes.Get(row.Next<int>()),
            Attributes = AttributeReader.Read(row, layout),
        };
    }

    static void AppendUnless(bool isNull, TableAppender row, string text)
    {
        if (isNull)
            row.AppendNull();
        else
            row.Append(text);
    }

    static void AppendAddress(TableAppender row, Endpoint? endpoint)
    {
        if (endpoint is null)
        {
            row.AppendNull();
            row.AppendNull();
            row.AppendNull();
            return;
        }
        row.Append(endpoint.Ipv4);
        row.Append(endpoint.Ipv6);
        row.Append(endpoint.Port);
    }

    static Endpoint? ReadEndpoint(RowReader row, string service)
    {
        var ipv4 = row.NextText();
        var ipv6 = row.NextText();
        return row.NextOrNull<ushort>() is { } port
            ? new Endpoint { ServiceName = service, Ipv4 = ipv4!, Ipv6 = ipv6!, Port = port }
            : null;
    }

    static void AppendEvents(TableAppender row, Span span)
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
        if (span.Events.Length + span.Links.Length == 0)
            row.AppendNull();
        else
            row.Append(OtlpProtobuf.EncodeEventsAndLinks(span));
    }
}

/// <summary>Names of a span as they are searched for: in lower case, empty when absent.</summary>
readonly record struct SearchNames(string Service, string Name, string RemoteService)
{
    public static SearchNames Of(Span span) => new(
        span.ServiceName.ToLowerInvariant(), span.Name.ToLowerInvariant(), ZipkinMapping.RemoteServiceName(span));
}

/// <summary>Reads the columns of the rows of a result from left to right.</summary>
sealed class RowReader(DuckDBDataReader reader)
{
    int _column;

    public bool Read()
    {
        _column = 0;
        return reader.Read();
    }

    public T Next<T>() => reader.GetFieldValue<T>(_column++);

    public T? NextOrNull<T>() where T : struct
    {
        var column = _column++;
        return reader.IsDBNull(column) ? null : reader.GetFieldValue<T>(column);
    }

    public string? NextText()
    {
        var column = _column++;
        return reader.IsDBNull(column) ? null : reader.GetString(column);
    }

    public List<string>? NextTexts()
    {
        var column = _column++;
        return reader.IsDBNull(column) ? null : reader.GetFieldValue<List<string>>(column);
    }

    public byte[]? NextBlob()
    {
        var column = _column++;
        if (reader.IsDBNull(column))
            return null;
        using var stream = reader.GetStream(column);
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
