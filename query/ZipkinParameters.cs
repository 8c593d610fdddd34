using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Storage;

namespace Tracing.Query;

/// <summary>A request that Zipkin refuses with 400; the message is its text, which clients and people know.</summary>
sealed class BadParameterException(string message) : Exception(message);

/// <summary>
/// Query parameters as Zipkin reads them: names are compared with case, and of a repeated one the first counts. This
/// is why ASP.NET Core's binding, which does neither, is not used.
/// </summary>
sealed class ZipkinParameters
{
    readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    public ZipkinParameters(HttpRequest request)
    {
        foreach (var pair in new QueryStringEnumerable(request.QueryString.Value))
            _values.TryAdd(pair.DecodeName().ToString(), pair.DecodeValue().ToString());
    }

    public string Required(string name) => _values.TryGetValue(name, out var value)
        ? value
        : throw new BadParameterException($"Mandatory parameter/header/attribute is missing: {name}");

    /// <summary>A whole number; null when it is absent or empty.</summary>
    public long? Number(string name) =>
        _values.TryGetValue(name, out var text) && text.Length > 0 ? Parse<long>(text) : null;

    public long RequiredNumber(string name)
    {
        var text = Required(name);
        return text.Length > 0 ? Parse<long>(text) : throw CannotBeNull(name);
    }

    public int Limit(int @default)
    {
        if (!_values.TryGetValue("limit", out var text))
            return @default;
        return text.Length > 0 ? Parse<int>(text) : throw CannotBeNull("limit");
    }

    static BadParameterException CannotBeNull(string name) =>
        new($"Cannot set null to primitive type parameter: {name}");

    static T Parse<T>(string text)
        where T : struct, System.Numerics.IBinaryInteger<T> =>
        ZipkinText.TryParse<T>(text, out var number)
            ? number
            : throw new BadParameterException($"For input string: \"{text}\"");

    /// <summary>The search that the parameters of /api/v2/traces describe, checked in Zipkin's order.</summary>
    public TraceQuery Search(QueryOptions options, TimeProvider time)
    {
        var end = Number("endTs") ?? time.GetUtcNow().ToUnixTimeMilliseconds();
        var lookback = Number("lookback") ?? (long)options.DefaultLookback.TotalMilliseconds;
        var limit = Limit(10);
        var min = Number("minDuration");
        var max = Number("maxDuration");
        Check(end > 0, "endTs <= 0");
        Check(limit > 0, "limit <= 0");
        Check(lookback > 0, "lookback <= 0");
        Check(min is null or > 0, "minDuration <= 0");
        Check(max is null || min is not null, "maxDuration is only valid with minDuration");
        Check(max is null || max >= min, "maxDuration < minDuration");
        var spanName = Name("spanName");
        return new TraceQuery
        {
            ServiceName = Name("serviceName"),
            RemoteServiceName = Name("remoteServiceName"),
            SpanName = spanName == "all" ? null : spanName,
            Annotations = Annotations(),
            MinDurationMicros = min,
            MaxDurationMicros = max,
            EndMillis = end,
            LookbackMillis = lookback,
            Limit = limit,
            StrictTraceId = options.StrictTraceId,
        };
    }

    internal static void Check(bool holds, string message)
    {
        if (!holds)
            throw new BadParameterException(message);
    }

    string? Name(string parameter) =>
        _values.TryGetValue(parameter, out var name) && name.Length > 0 ? ZipkinText.ToLower(name) : null;

    /// <summary>
    /// Terms joined by " and "; of a term only the first "=" separates key and value. A bare key never replaces the
    /// same key with a value, whichever comes first.
    /// </summary>
    Dictionary<string, string> Annotations()
    {
        var terms = new Dictionary<string, string>(StringComparer.Ordinal);
        if (!_values.TryGetValue("annotationQuery", out var text) || text.Length == 0)
            return terms;
        foreach (var term in text.Split(" and ", 100))
        {
            var equals = term.IndexOf('=', StringComparison.Ordinal);
            if (equals < 0)
                terms.TryAdd(ZipkinText.Trim(term), "");
            else
                terms[ZipkinText.Trim(term[..equals])] = ZipkinText.Trim(term[(equals + 1)..]);
        }
        return terms;
    }

    /// <summary>1 to 32 lower-case hex digits that are not all zeros, in Zipkin's words when they are not.</summary>
    public static TraceId TraceIdOf(string text)
    {
        Check(text.Length > 0, "traceId is empty");
        Check(text.Length <= 32, "traceId.length > 32");
        var isHex = TraceId.TryParse(text, out var id) && !text.Any(char.IsAsciiLetterUpper);
        Check(isHex, $"{text} should be lower-hex encoded with no prefix");
        Check(!id.IsZero, "traceId is all zeros");
        return id;
    }

    /// <summary>The ids of /api/v2/traceMany.</summary>
    public TraceId[] TraceIds()
    {
        var text = Required("traceIds");
        Check(text.Length > 0, "traceIds parameter is empty");
        var ids = new List<TraceId>();
        foreach (var part in text.Split(',', 1000))
        {
            var id = TraceIdOf(part);
            Check(!ids.Contains(id), $"redundant traceId: {part}");
            ids.Add(id);
        }
        Check(ids.Count > 1, "Use /api/v2/trace/{traceId} endpoint to retrieve a single trace");
        return [.. ids];
    }
}
