using System.Runtime.InteropServices;
using Tracing.Model;

namespace Tracing.Storage;

/// <summary>
/// For each octave of latencies (a duration to its double) one of the traces that are counted there, with its bucket:
/// the same in whatever order they come.
/// </summary>
public sealed class ExemplarSet
{
    readonly Dictionary<int, KeyValuePair<int, TraceExemplar>> _exemplars = [];

    public void Add(int bucket, in TraceExemplar exemplar)
    {
        ref var known = ref CollectionsMarshal.GetValueRefOrAddDefault(
            _exemplars, OctaveOf(bucket), out var isKnown);
        if (!isKnown || IsBefore(bucket, exemplar, known.Key, known.Value))
            known = new(bucket, exemplar);
    }

    public void Merge(IReadOnlyDictionary<int, TraceExemplar> others)
    {
        foreach (var (bucket, exemplar) in others)
            Add(bucket, exemplar);
    }

    /// <summary>By bucket; a copy.</summary>
    public IReadOnlyDictionary<int, TraceExemplar> ByBucket => new Dictionary<int, TraceExemplar>(_exemplars.Values);

    /// <summary>Of a bucket by <see cref="LatencyBucket.Index"/>.</summary>
    public static int OctaveOf(int bucket) => bucket >> LatencyHistogram.DefaultScale;

    /// <summary>Whether it is taken rather than another one of its octave; of one trace the slower span.</summary>
    internal static bool IsBefore(int bucket, in TraceExemplar exemplar, int otherBucket, in TraceExemplar other) =>
        exemplar.IsBefore(other) || (bucket > otherBucket && exemplar == other);
}
