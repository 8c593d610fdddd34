using System.Runtime.InteropServices;
using Tracing.Model;

namespace Tracing.Storage;

/// <summary>What of a whole trace decides on whether it is kept.</summary>
/// <param name="Trace">The low half of its id.</param>
/// <param name="Operation">Hash of service, name and kind of its root, or of its first span if it has none.</param>
/// <param name="Duration">Of that span, in nanoseconds; null when it is unknown, which is not slow.</param>
/// <param name="Path">Hash of the distinct pairs of service and name of its spans.</param>
readonly record struct TraceTraits(
    ulong Trace, bool HasError, bool IsDebug, ulong Operation, long? Duration, ulong Path);

/// <summary>
/// Which traces of a run of partitions, or of some minutes, are kept when it is thinned out, and why: those that people
/// look for, and of all others a sample that stands for them.
/// </summary>
static class Tiers
{
    /// <summary>
    /// Fewer traces are not thinned out: that would save next to nothing, and a store of few traces loses none.
    /// </summary>
    public const int MinTraces = 10_000;

    /// <summary>Fewer traces of an operation do not tell what is slow there.</summary>
    const int MinOperationTraces = 100;

    /// <summary>The share of an operation's traces that is slow: one in so many.</summary>
    const int SlowOneIn = 100;

    /// <summary>More traces than this of one path are not rare.</summary>
    const int MaxRareTraces = 100;

    /// <summary>
    /// All rare ones together are at most one in so many of the run, so that names that are new each time, as those
    /// with ids within, do not keep everything.
    /// </summary>
    const int RareOneIn = 10;

    /// <summary>What is kept, in the order given; whatever is not in it goes.</summary>
    /// <param name="exemplars">Traces that statistics name; they are found by a hash, not by what they are.</param>
    /// <param name="baselineRate">Probability with which traces that nothing speaks for are kept, 0 to 1.</param>
    public static IEnumerable<(ulong Trace, TraceKept Kept)> Decide(
        IReadOnlyList<TraceTraits> traces, IReadOnlySet<ulong> exemplars, double baselineRate)
    {
        var slowest = Slowest(traces);
        var (paths, maxRare) = Paths(traces);
        foreach (var trace in traces)
        {
            KeptReason? reason =
                trace.HasError ? KeptReason.Error
                : trace.Duration > slowest.GetValueOrDefault(trace.Operation, long.MaxValue) ? KeptReason.Slow
                : paths[trace.Path] <= maxRare ? KeptReason.Rare
                : trace.IsDebug ? KeptReason.Debug
                : exemplars.Contains(trace.Trace) ? KeptReason.Exemplar
                : null;
            if (reason is not null)
                yield return (trace.Trace, new TraceKept(reason.Value, 1));
            else if (IsDrawn(trace.Trace, baselineRate))
                yield return (trace.Trace, new TraceKept(KeptReason.Baseline, 1 / baselineRate));
        }
    }

    /// <summary>
    /// A draw that falls the same for a trace whenever it is asked, by a hash of its own: independent of the draws of
    /// clients and of the intake, which look at the id itself.
    /// </summary>
    public static bool IsDrawn(ulong trace, double rate) =>
        // the upper 53 bits as a number from 0 to below 1
        (Mix(trace) >> 11) * (1.0 / (1L << 53)) < rate;

    // SplitMix64: the id is the state
    static ulong Mix(ulong id)
    {
        unchecked
        {
            id += 0x9e37_79b9_7f4a_7c15;
            id = (id ^ (id >> 30)) * 0xbf58_476d_1ce4_e5b9;
            id = (id ^ (id >> 27)) * 0x94d0_49bb_1331_11eb;
            return id ^ (id >> 31);
        }
    }

    /// <summary>By operation, the duration beyond which a trace is slow.</summary>
    static Dictionary<ulong, long> Slowest(IReadOnlyList<TraceTraits> traces)
    {
        var durations = new Dictionary<ulong, List<long>>(SeededHash.Comparer);
        foreach (var trace in traces)
        {
            if (trace.Duration is not { } duration)
                continue;
            ref var list = ref CollectionsMarshal.GetValueRefOrAddDefault(durations, trace.Operation, out _);
            (list ??= []).Add(duration);
        }
        var slowest = new Dictionary<ulong, long>(durations.Count, SeededHash.Comparer);
        foreach (var (operation, list) in durations)
        {
            list.Sort();
            slowest.Add(operation,
                list.Count < MinOperationTraces ? long.MaxValue : list[^((list.Count / SlowOneIn) + 1)]);
        }
        return slowest;
    }

    /// <summary>How many traces each path has, and how many it may have to be rare.</summary>
    static (Dictionary<ulong, int> Paths, int MaxRare) Paths(IReadOnlyList<TraceTraits> traces)
    {
        var paths = new Dictionary<ulong, int>(SeededHash.Comparer);
        foreach (var trace in traces)
            CollectionsMarshal.GetValueRefOrAddDefault(paths, trace.Path, out _)++;
        var bySize = new long[MaxRareTraces + 1];
        foreach (var count in paths.Values)
        {
            if (count <= MaxRareTraces)
                bySize[count] += count;
        }
        var maxRare = 0;
        for (long rare = 0; maxRare < MaxRareTraces; maxRare++)
        {
            rare += bySize[maxRare + 1];
            if (rare * RareOneIn > traces.Count)
                break;
        }
        return (paths, maxRare);
    }
}
