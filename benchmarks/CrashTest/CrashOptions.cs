using System.Globalization;

namespace Tracing.CrashTest;

/// <summary>What the command line asks for.</summary>
sealed record CrashOptions
{
    public const string Usage = """
        Kills a server again and again while it takes spans, and checks that nothing acknowledged is lost, nothing is
        there twice and no body is there in part.

            Tracing.CrashTest --server PATH --folder DIR [options] [-- arguments for the server]

        --server PATH       tracing.dll
        --folder DIR        where the server keeps its spans; must be empty or absent
        --kills N           how often it is killed (100)
        --seed N            the same seed gives the same bodies (1)
        --connections N     connections, each with one request at a time (4)
        --rate N            spans sent in a second; 0: as many as the server takes (0)
        --round-ms MS       how long a server lives at most once it takes spans (1500)
        --sample N          earlier bodies that are read again after each kill (100)
        """;

    public required string Server { get; init; }

    public required string Folder { get; init; }

    public int Kills { get; init; } = 100;

    public int Seed { get; init; } = 1;

    public int Connections { get; init; } = 4;

    /// <summary>Spans a second; 0: no limit.</summary>
    public int Rate { get; init; }

    public TimeSpan Round { get; init; } = TimeSpan.FromMilliseconds(1500);

    /// <summary>How many bodies of earlier rounds are read again after each kill.</summary>
    public int Sample { get; init; } = 100;

    public IReadOnlyList<string> ServerArguments { get; init; } = [];

    /// <summary>Null when the arguments make no sense; then <paramref name="error"/> says why.</summary>
    public static CrashOptions? Parse(string[] arguments, out string error)
    {
        var options = new CrashOptions { Server = "", Folder = "" };
        for (var i = 0; i < arguments.Length; i += 2)
        {
            if (arguments[i] == "--")
            {
                options = options with { ServerArguments = arguments[(i + 1)..] };
                break;
            }
            var value = i + 1 < arguments.Length ? arguments[i + 1] : "";
            error = $"{arguments[i]} {value} makes no sense";
            if (options.With(arguments[i], value) is not { } changed)
                return null;
            options = changed;
        }
        error = "--server must name an existing tracing.dll, and --folder an empty or absent folder";
        return File.Exists(options.Server) && options.Folder.Length > 0 && IsEmpty(options.Folder) ? options : null;
    }

    static bool IsEmpty(string folder) =>
        !Directory.Exists(folder) || !Directory.EnumerateFileSystemEntries(folder).Any();

    CrashOptions? With(string name, string value)
    {
        var isNumber = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
        return name switch
        {
            "--server" => this with { Server = value },
            "--folder" => this with { Folder = value },
            "--kills" when number > 0 => this with { Kills = number },
            "--seed" when isNumber => this with { Seed = number },
            "--connections" when number > 0 => this with { Connections = number },
            "--rate" when isNumber => this with { Rate = number },
            "--round-ms" when number > 0 => this with { Round = TimeSpan.FromMilliseconds(number) },
            "--sample" when isNumber => this with { Sample = number },
            _ => null,
        };
    }
}
