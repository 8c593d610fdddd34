using System.Collections;
using System.Globalization;

namespace Tracing.Server;

/// <summary>
/// Zipkin's environment variables as settings of this server, so that it can take a Zipkin server's place. Anything
/// said in our own words, by environment or command line, wins over them.
/// </summary>
static class ZipkinEnvironment
{
    static readonly (string Variable, string Key, Func<string, string> Convert)[] Known =
    [
        ("QUERY_PORT", "Port", Same),
        ("UI_ENABLED", "UiEnabled", Same),
        ("QUERY_ENABLED", "Query:Enabled", Same),
        ("SEARCH_ENABLED", "Query:SearchEnabled", Same),
        ("STRICT_TRACE_ID", "Query:StrictTraceId", Same),
        ("QUERY_TIMEOUT", "Query:Timeout", Duration),
        ("QUERY_LOOKBACK", "Query:DefaultLookback", Duration),
        ("AUTOCOMPLETE_KEYS", "Query:AutocompleteKeys", Same),
        ("ZIPKIN_QUERY_ALLOWED_ORIGINS", "Query:AllowedOrigins", Same),
        ("ZIPKIN_QUERY_NAMES_MAX_AGE", "Query:NamesMaxAge", Seconds),
        ("HTTP_COLLECTOR_ENABLED", "Collector:HttpEnabled", Same),
        ("COLLECTOR_HTTP_ENABLED", "Collector:HttpEnabled", Same),
        ("COLLECTOR_GRPC_ENABLED", "Collector:GrpcEnabled", Same),
        ("COLLECTOR_SAMPLE_RATE", "Collector:SampleRate", Same),
        ("CASSANDRA_CONTACT_POINTS", "Storage:Cassandra:ContactPoints", Same),
        ("CASSANDRA_KEYSPACE", "Storage:Cassandra:Keyspace", Same),
        ("CASSANDRA_LOCAL_DC", "Storage:Cassandra:LocalDatacenter", Same),
        ("CASSANDRA_ENSURE_SCHEMA", "Storage:Cassandra:ManageSchema", Same),
        ("CASSANDRA_USERNAME", "Storage:Cassandra:Username", Same),
        ("CASSANDRA_PASSWORD", "Storage:Cassandra:Password", Same),
        ("CASSANDRA_USE_SSL", "Storage:Cassandra:UseSsl", Same),
        ("CASSANDRA_SSL_HOSTNAME_VALIDATION", "Storage:Cassandra:ValidateHostname", Same),
        ("STORAGE_TYPE", "Storage:Kind", StorageKind),
    ];

    /// <summary>Zipkin's variables that are set, as configuration keys and values.</summary>
    public static Dictionary<string, string?> Read(IDictionary environment)
    {
        var settings = new Dictionary<string, string?>();
        foreach (var (variable, key, convert) in Known)
        {
            if (environment[variable] is string { Length: > 0 } value)
                settings[$"{ServerOptions.Section}:{key}"] = convert(value);
        }
        return settings;
    }

    static string Same(string value) => value;

    /// <summary>
    /// Zipkin's in-memory store is replaced by the embedded one, which needs no more and loses nothing.
    /// </summary>
    static string StorageKind(string value) => value switch
    {
        "mem" => "embedded",
        "cassandra3" => "cassandra",
        _ => value,
    };

    /// <summary>
    /// "11s", "500ms", "1m", "1h", "1d", or a number of milliseconds; what is none of these goes on as it is.
    /// </summary>
    static string Duration(string value)
    {
        var digits = value.AsSpan().TrimEnd("smhd");
        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            return value;
        TimeSpan? span = value[digits.Length..] switch
        {
            "" or "ms" => TimeSpan.FromMilliseconds(number),
            "s" => TimeSpan.FromSeconds(number),
            "m" => TimeSpan.FromMinutes(number),
            "h" => TimeSpan.FromHours(number),
            "d" => TimeSpan.FromDays(number),
            _ => null,
        };
        return span?.ToString("c", CultureInfo.InvariantCulture) ?? value;
    }

    /// <summary>A bare number is seconds.</summary>
    static string Seconds(string value) => Duration(value.All(char.IsAsciiDigit) ? value + "s" : value);
}
