using System.Buffers;
using System.Globalization;
using System.Text;

namespace Tracing.Model.Wire;

/// <summary>Writes Zipkin's v2 JSON. Call <see cref="Flush"/> at the end.</summary>
ref struct ZipkinJsonWriter(IBufferWriter<byte> output)
{
    // longest text of a 64-bit number
    const int MaxNumber = 20;

    // every other character stands for itself; U+2028 and U+2029 end lines in JavaScript
    static readonly SearchValues<char> Escaped = SearchValues.Create(
        [.. Enumerable.Range(0, ' ').Select(c => (char)c), '"', '\\', '\u2028', '\u2029']);

    static readonly SearchValues<char> EscapedInNames = SearchValues.Create(
        [.. Enumerable.Range(0, ' ').Select(c => (char)c), '"', '\\']);

    Span<byte> _free = output.GetSpan();
    int _used;

    public void Flush()
    {
        output.Advance(_used);
        _used = 0;
        _free = default;
    }

    public void Raw(ReadOnlySpan<byte> utf8)
    {
        utf8.CopyTo(Room(utf8.Length));
        _used += utf8.Length;
    }

    public void Span(Span span)
    {
        Raw("{\"traceId\":\""u8);
        if (span.TraceId.High != 0)
            Hex(span.TraceId.High);
        Hex(span.TraceId.Low);
        if (!span.ParentSpanId.IsZero)
        {
            Raw("\",\"parentId\":\""u8);
            Hex(span.ParentSpanId.Value);
        }
        Raw("\",\"id\":\""u8);
        Hex(span.SpanId.Value);
        Raw("\""u8);
        Raw(Kind(span.Kind));
        if (span.Name.Length > 0)
            Field(",\"name\":"u8, span.Name);
        Field(",\"timestamp\":"u8, ZipkinTime.Timestamp(span));
        Field(",\"duration\":"u8, ZipkinTime.Duration(span));
        Endpoint(",\"localEndpoint\":{"u8, span.LocalEndpoint);
        Endpoint(",\"remoteEndpoint\":{"u8, span.RemoteEndpoint);
        Annotations(span.Events);
        Tags(span.Attributes);
        Raw(span.Debug ? ",\"debug\":true"u8 : ""u8);
        Raw(span.Shared ? ",\"shared\":true}"u8 : "}"u8);
    }

    void Field(ReadOnlySpan<byte> name, string text)
    {
        Raw(name);
        Text(text);
    }

    // 0 means absent
    void Field(ReadOnlySpan<byte> name, long number)
    {
        if (number == 0)
            return;
        Raw(name);
        Number(number);
    }

    void Endpoint(ReadOnlySpan<byte> opening, Endpoint? endpoint)
    {
        if (endpoint is null)
            return;
        Raw(opening);
        var first = true;
        EndpointField("\"serviceName\":"u8, endpoint.ServiceName, ref first);
        EndpointField("\"ipv4\":"u8, endpoint.Ipv4, ref first);
        EndpointField("\"ipv6\":"u8, endpoint.Ipv6, ref first);
        if (endpoint.Port > 0)
        {
            Raw(first ? "\"port\":"u8 : ",\"port\":"u8);
            Number(endpoint.Port);
        }
        Raw("}"u8);
    }

    void EndpointField(ReadOnlySpan<byte> name, string text, ref bool first)
    {
        if (text.Length == 0)
            return;
        Raw(first ? ""u8 : ","u8);
        Field(name, text);
        first = false;
    }

    void Annotations(SpanEvent[] annotations)
    {
        for (var i = 0; i < annotations.Length; i++)
        {
            Raw(i == 0 ? ",\"annotations\":[{\"timestamp\":"u8 : ",{\"timestamp\":"u8);
            Number(ZipkinTime.Timestamp(annotations[i]));
            Field(",\"value\":"u8, annotations[i].Name);
            Raw(i == annotations.Length - 1 ? "}]"u8 : "}"u8);
        }
    }

    void Tags(KeyValue[] tags)
    {
        var any = false;
        foreach (var (key, value) in tags)
        {
            // only exact times are no text
            if (value.AsString() is not { } text)
                continue;
            Raw(any ? ","u8 : ",\"tags\":{"u8);
            Text(key);
            Raw(":"u8);
            Text(text);
            any = true;
        }
        Raw(any ? "}"u8 : ""u8);
    }

    /// <summary>A list of texts, as Zipkin writes names: in it U+2028 and U+2029 stand for themselves.</summary>
    public void Names(IReadOnlyList<string> names)
    {
        Raw("["u8);
        for (var i = 0; i < names.Count; i++)
        {
            Raw(i == 0 ? ""u8 : ","u8);
            Text(names[i], EscapedInNames);
        }
        Raw("]"u8);
    }

    void Text(string text) => Text(text, Escaped);

    void Text(string text, SearchValues<char> escaped)
    {
        Raw("\""u8);
        var rest = text.AsSpan();
        while (rest.IndexOfAny(escaped) is var at and >= 0)
        {
            Utf8(rest[..at]);
            Escape(rest[at]);
            rest = rest[(at + 1)..];
        }
        Utf8(rest);
        Raw("\""u8);
    }

    void Escape(char c)
    {
        switch (c)
        {
            case '"': Raw("\\\""u8); break;
            case '\\': Raw("\\\\"u8); break;
            case '\b': Raw("\\b"u8); break;
            case '\f': Raw("\\f"u8); break;
            case '\n': Raw("\\n"u8); break;
            case '\r': Raw("\\r"u8); break;
            case '\t': Raw("\\t"u8); break;
            default: Ascii(string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}")); break;
        }
    }

    void Number(long number)
    {
        number.TryFormat(Room(MaxNumber), out var written, default, CultureInfo.InvariantCulture);
        _used += written;
    }

    void Hex(ulong id)
    {
        id.TryFormat(Room(MaxNumber), out var written, "x16", CultureInfo.InvariantCulture);
        _used += written;
    }

    void Ascii(string text)
    {
        var written = Encoding.ASCII.GetBytes(text, Room(text.Length));
        _used += written;
    }

    void Utf8(ReadOnlySpan<char> text)
    {
        var written = Encoding.UTF8.GetBytes(text, Room(Encoding.UTF8.GetMaxByteCount(text.Length)));
        _used += written;
    }

    // begins a new block when the current one is too small, so _used may be read only after it
    Span<byte> Room(int size)
    {
        if (_free.Length - _used < size)
        {
            output.Advance(_used);
            _used = 0;
            _free = output.GetSpan(size);
        }
        return _free[_used..];
    }

    static ReadOnlySpan<byte> Kind(SpanKind kind) => kind switch
    {
        SpanKind.Client => ",\"kind\":\"CLIENT\""u8,
        SpanKind.Server => ",\"kind\":\"SERVER\""u8,
        SpanKind.Producer => ",\"kind\":\"PRODUCER\""u8,
        SpanKind.Consumer => ",\"kind\":\"CONSUMER\""u8,
        _ => ""u8,
    };
}
