using System.Runtime.InteropServices;
using Tracing.Model;
using Tracing.Storage;

namespace Tracing.Query;

/// <summary>What was measured of something: latencies of all outcomes, merged from points.</summary>
sealed class Measured
{
    LatencyHistogram? _all;

    public SpanLatencies Latencies { get; } = new();

    /// <summary>Whether some spans stand for a number of spans that is not known.</summary>
    public bool IsEstimated { get; private set; }

    public SortedSet<SpanKind> Kinds { get; } = [];

    /// <summary>Also of spans of which it is not known how long they took.</summary>
    public ulong Count => Latencies.Count;

    public ulong Errors => Latencies.Failed.Calls;

    /// <summary>Made when it is asked for; nobody changes it.</summary>
    public LatencyHistogram All => _all ??= Latencies.All();

    /// <summary>In nanoseconds; NaN without spans of a known duration.</summary>
    public double Mean => All.Count == 0 ? double.NaN : (double)All.Sum / All.Count;

    public void Add(SeriesPoint point)
    {
        (point.Series.IsError ? Latencies.Failed : Latencies.Succeeded).Merge(point.Latencies);
        IsEstimated |= point.IsEstimated;
        Kinds.Add(point.Series.Kind);
        _all = null;
    }

    /// <summary>Merges points that have the same key.</summary>
    public static Dictionary<TKey, Measured> By<TKey>(IEnumerable<SeriesPoint> points, Func<SeriesPoint, TKey> key)
        where TKey : notnull
    {
        var all = new Dictionary<TKey, Measured>();
        foreach (var point in points)
            (CollectionsMarshal.GetValueRefOrAddDefault(all, key(point), out _) ??= new Measured()).Add(point);
        return all;
    }

    /// <summary>
    /// The series that a choice of kinds merges. By default what a service was asked for, its server and consumer
    /// spans; of a service that has none, all.
    /// </summary>
    /// <param name="points">All that an answer is made of, so that two periods are of the same kinds.</param>
    public static Func<SeriesPoint, bool> Chosen(KindChoice choice, params IEnumerable<SeriesPoint> points)
    {
        if (choice.IsAll)
            return _ => true;
        if (choice.One is { } kind)
            return point => point.Series.Kind == kind;
        var serving = points.Where(IsServing).Select(point => point.Series.Service).ToHashSet();
        return point => IsServing(point) || !serving.Contains(point.Series.Service);
    }

    static bool IsServing(SeriesPoint point) => point.Series.Kind is SpanKind.Server or SpanKind.Consumer;
}
