using System.Runtime.InteropServices;
using Tracing.Model;

namespace Tracing.Storage;

/// <summary>
/// For each half octave of latencies a trace that is counted there, whatever the order they come in. One for each
/// bucket would take most of the file of statistics, and say little more: buckets are 2 % wide.
/// </summary>
public sealed class ExemplarSet
{
    const int BucketsOfExemplar = (1 << LatencyHistogram.DefaultScale) / 2;

    readonly Dictionary<int, (int Bucket, TraceExemplar Exemplar)> _exemplars = [];

    public void Add(int bucket, in TraceExemplar exemplar)
    {
        ref var known = ref CollectionsMarshal.GetValueRefOrAddDefault(
            _exemplars, PlaceOf(bucket), out var isKnown);
        // of two spans of a trace the slower one
        if (!isKnown || exemplar.IsBefore(known.Exemplar) ||
            (exemplar == known.Exemplar && bucket > known.Bucket))
            known = (bucket, exemplar);
    }

    public void Merge(IReadOnlyDictionary<int, TraceExemplar> others)
    {
        foreach (var (bucket, exemplar) in others)
            Add(bucket, exemplar);
    }

    /// <summary>By bucket; a copy.</summary>
    public IReadOnlyDictionary<int, TraceExemplar> ByBucket() =>
        _exemplars.Values.ToDictionary(each => each.Bucket, each => each.Exemplar);

    /// <summary>Buckets of one number share an exemplar.</summary>
    internal static int PlaceOf(int bucket) => bucket / BucketsOfExemplar;
}
