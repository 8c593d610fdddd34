using System.Globalization;

namespace Tracing.LoadGenerator;

/// <summary>What the command line asks for.</summary>
sealed record LoadOptions
{
    public const string Usage = """
        Sends traces of 10 spans to a server and reports how it coped; or searches for what was sent.

            Tracing.LoadGenerator URL [options]
            Tracing.LoadGenerator URL --search ROUNDS [--traces N] [--seed N] [--end-ms MS] [--server-pid PID]

        --search ROUNDS     sends nothing: times searches for what --traces and --seed have sent before
        --without TEXT      leaves out searches whose name has it
        --layer LAYER       server, or within this process: decode, or append (decode and store in --data-dir)
        --rate N            spans a second at most (no bound)
        --format FORMAT     otlp, zipkin-json or zipkin-proto (otlp)
        --traces N          traces to send (100000)
        --connections N     connections, each with one request at a time (8)
        --batch N           spans of a request, all from one service instance (512)
        --instances N       instances of each of the 10 services, at most 256 (4)
        --seed N            the same seed gives the same spans (1)
        --end-ms MS         the spans start within the time before this moment, in ms since 1970 (now)
        --window SECONDS    and this is how long that time is (3600)
        --gzip              compress the bodies
        --prepare-mib MIB   memory for bodies readied before the clock starts (512)
        --give-up SECONDS   how long bodies are sent again after 429, 503 or no answer (60)
        --server-pid PID    also report the CPU time and memory of this process
        --data-dir DIR      also report how many bytes this folder grew by
        --settle SECONDS    how long to wait before CPU, memory and folder are read at the end (0)
        """;

    public required Uri Url { get; init; }

    public string Format { get; private set; } = "otlp";

    /// <summary>server, decode or append.</summary>
    public string Layer { get; private set; } = "server";

    /// <summary>Spans a second at most; 0 for no bound.</summary>
    public int Rate { get; private set; }

    /// <summary>How often each search is made; 0: spans are sent instead.</summary>
    public int SearchRounds { get; private set; }

    /// <summary>Searches whose name has it are left out; empty for none.</summary>
    public string Without { get; private set; } = "";

    public int Traces { get; private set; } = 100_000;

    public int Connections { get; private set; } = 8;

    /// <summary>Spans of a request.</summary>
    public int Batch { get; private set; } = 512;

    /// <summary>Instances of each service.</summary>
    public int Instances { get; private set; } = 4;

    public ulong Seed { get; private set; } = 1;

    /// <summary>Within which the spans start, evenly.</summary>
    public TimeSpan Window { get; private set; } = TimeSpan.FromHours(1);

    /// <summary>End of the time in which the spans start, in milliseconds since 1970.</summary>
    public long EndMillis { get; private set; } = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();

    public bool Gzip { get; private set; }

    public int PrepareMebibytes { get; private set; } = 512;

    public TimeSpan GiveUpAfter { get; private set; } = TimeSpan.FromSeconds(60);

    public int? ServerPid { get; private set; }

    public string? DataDirectory { get; private set; }

    public TimeSpan Settle { get; private set; }

    /// <summary>Null when the arguments make no sense; then <paramref name="error"/> says why.</summary>
    public static LoadOptions? Parse(string[] arguments, out string error)
    {
        error = "the first argument must be the server's URL, such as http://127.0.0.1:9411";
        if (arguments.Length == 0 || !Uri.TryCreate(arguments[0], UriKind.Absolute, out var url) ||
            url.Scheme is not ("http" or "https"))
            return null;
        var options = new LoadOptions { Url = url };
        for (var i = 1; i < arguments.Length; i++)
        {
            var name = arguments[i];
            if (name == "--gzip")
            {
                options.Gzip = true;
                continue;
            }
            var value = ++i < arguments.Length ? arguments[i] : "";
            error = $"{name} {value} makes no sense";
            if (!options.Set(name, value))
                return null;
        }
        return options;
    }

    bool Set(string name, string value)
    {
        // no number is negative, and the unknown fails below
        var isNumber = long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
        var count = (int)Math.Min(number, int.MaxValue);
        switch (name)
        {
            case "--format": Format = value; return value.Length > 0;
            case "--data-dir": DataDirectory = value; return Directory.Exists(value);
            case "--layer": Layer = value; return value is "server" or "decode" or "append";
            case "--rate": Rate = count; return isNumber;
            case "--search": SearchRounds = count; return count > 0;
            case "--without": Without = value; return true;
            case "--traces": Traces = count; return count > 0;
            case "--connections": Connections = count; return count > 0;
            case "--batch": Batch = count; return count > 0;
            case "--instances": Instances = count; return count is > 0 and <= 256;
            case "--seed": Seed = (ulong)number; return isNumber;
            case "--end-ms": EndMillis = number; return number > 0;
            case "--window": Window = TimeSpan.FromSeconds(count); return count > 0;
            case "--prepare-mib": PrepareMebibytes = count; return isNumber;
            case "--give-up": GiveUpAfter = TimeSpan.FromSeconds(count); return isNumber;
            case "--server-pid": ServerPid = count; return count > 0;
            case "--settle": Settle = TimeSpan.FromSeconds(count); return isNumber;
            default: return false;
        }
    }
}
