using Tracing.Model;
using Tracing.Storage;

namespace Tracing.Query;

/// <summary>Which kinds of spans are merged.</summary>
/// <param name="IsAll">All of them.</param>
/// <param name="One">
/// Only this; null with <paramref name="IsAll"/> false: server and consumer where there are some.
/// </param>
readonly record struct KindChoice(bool IsAll, SpanKind? One);

/// <summary>Parameters of statistics. What is wrong with one is said with its name and value.</summary>
static class StatisticsParameters
{
    const ulong NanosPerMinute = 60_000_000_000;
    const long MinutesPerDay = 24 * 60;

    /// <summary>In minutes: what is chosen from when no step is asked for.</summary>
    static readonly int[] Steps = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 10_080, 44_640, 525_600];

    /// <summary>The window rounded out to whole minutes; the last hour if neither end is given.</summary>
    public static MinuteRange Range(string? start, string? end, TimeProvider time)
    {
        var (from, to) = SearchParameters.Window(start, end, time);
        return new MinuteRange((long)(from / NanosPerMinute), (long)((to - 1) / NanosPerMinute) + 1,
            SearchParameters.NanosOf(time.GetUtcNow()) / 1e9);
    }

    /// <summary>The period to compare with; null if none is asked for.</summary>
    /// <param name="default">Of <paramref name="text"/>, when no period is given by its ends either.</param>
    public static MinuteRange? Base(
        string? text, string? baseStart, string? baseEnd, MinuteRange range, string? @default)
    {
        if (!string.IsNullOrEmpty(baseStart) || !string.IsNullOrEmpty(baseEnd))
        {
            if (!string.IsNullOrEmpty(text))
                throw new BadParameterException($"base is \"{text}\"; it must not be given with baseStart or baseEnd");
            if (string.IsNullOrEmpty(baseStart) || string.IsNullOrEmpty(baseEnd))
            {
                throw new BadParameterException(
                    $"baseStart is \"{baseStart}\" and baseEnd \"{baseEnd}\"; both must be given, or neither");
            }
            var from = SearchParameters.Instant("baseStart", baseStart);
            var to = SearchParameters.Instant("baseEnd", baseEnd);
            return from < to
                ? range with { Start = (long)(from / NanosPerMinute), End = (long)((to - 1) / NanosPerMinute) + 1 }
                : throw new BadParameterException($"baseStart \"{baseStart}\" is not before baseEnd \"{baseEnd}\"");
        }
        long back;
        switch (string.IsNullOrEmpty(text) ? @default : text)
        {
            case null:
                return null;
            case "previous":
                back = range.Minutes;
                break;
            case "day":
                back = MinutesPerDay;
                break;
            case "week":
                back = 7 * MinutesPerDay;
                break;
            default:
                throw new BadParameterException($"base is \"{text}\"; it must be previous, day or week");
        }
        return range with { Start = Math.Max(0, range.Start - back), End = Math.Max(1, range.End - back) };
    }

    /// <summary>Minutes of a step such that the window has at most so many; chosen so where none is given.</summary>
    public static int Step(string? text, MinuteRange range, int defaultPoints, int maxPoints)
    {
        if (string.IsNullOrEmpty(text))
            return Steps.FirstOrDefault(step => range.Minutes / step <= defaultPoints, int.MaxValue);
        var least = (int)Math.Min(int.MaxValue, (range.Minutes + maxPoints - 1) / maxPoints);
        return SearchParameters.Number("step", text, 1, least, int.MaxValue);
    }

    public static KindChoice Kind(string? text)
    {
        if (string.IsNullOrEmpty(text))
            return default;
        if (text.Equals("all", StringComparison.OrdinalIgnoreCase))
            return new KindChoice(true, null);
        return EnumNames.TryParse<SpanKind>(text, out var kind)
            ? new KindChoice(false, kind)
            : throw new BadParameterException($"kind is \"{text}\"; it must be all or one of " +
                string.Join(", ", Enum.GetValues<SpanKind>().Select(each => each.Lower())));
    }

    public static SeriesSource Source(string? text) => text switch
    {
        null or "" or "spans" => SeriesSource.Spans,
        "metrics" => SeriesSource.Metrics,
        _ => throw new BadParameterException($"source is \"{text}\"; it must be spans or metrics"),
    };

    /// <param name="text">Empty is the name of a service that gave none.</param>
    public static string Service(string? text) =>
        text ?? throw new BadParameterException("service is not given; it must name a service, as it was sent");

    public static string Choice(string name, string? text, params string[] choices) => string.IsNullOrEmpty(text)
        ? choices[0]
        : choices.Contains(text) ? text : throw new BadParameterException(
            $"{name} is \"{text}\"; it must be one of {string.Join(", ", choices)}");
}
