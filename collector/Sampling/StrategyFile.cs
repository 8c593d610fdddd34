using Microsoft.Extensions.Logging;

namespace Tracing.Collector;

/// <summary>
/// The file of strategies as it is now. It is looked at when somebody asks, once a second at most: notifications of a
/// file system do not come from all of them, such as those that containers mount.
/// </summary>
sealed class StrategyFile(SamplingOptions options, TimeProvider time, ILogger<StrategyFile> log)
{
    static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    readonly Lock _lock = new();
    StrategySet _current = StrategySet.Empty;
    (DateTime Written, long Length) _seen;
    long _lookedAt;
    bool _hasLooked;

    /// <summary>The strategies; those of before while the file is missing or wrong.</summary>
    public StrategySet Current
    {
        get
        {
            lock (_lock)
            {
                if (options.StrategiesFile.Length > 0 && (!_hasLooked || time.GetElapsedTime(_lookedAt) >= Interval))
                    Look();
                return _current;
            }
        }
    }

    /// <summary>Why a file cannot be used; null if it can.</summary>
    public static string? Problem(string path)
    {
        try
        {
            StrategySet.Read(File.ReadAllBytes(path));
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            return $"it must be a file of strategies: {e.Message}";
        }
    }

    void Look()
    {
        (_lookedAt, _hasLooked) = (time.GetTimestamp(), true);
        try
        {
            var file = new FileInfo(options.StrategiesFile);
            var now = (file.LastWriteTimeUtc, file.Exists ? file.Length : -1);
            if (now == _seen)
                return;
            _seen = now;
            _current = StrategySet.Read(File.ReadAllBytes(options.StrategiesFile));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            Log.StrategiesUnusable(log, options.StrategiesFile, e.Message);
        }
    }
}
