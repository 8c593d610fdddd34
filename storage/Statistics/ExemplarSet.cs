using System.Runtime.InteropServices;

namespace Tracing.Storage;

/// <summary>For each bucket of a histogram a trace that is counted there, whatever the order they come in.</summary>
public sealed class ExemplarSet
{
    readonly Dictionary<int, TraceExemplar> _exemplars = [];

    public void Add(int bucket, in TraceExemplar exemplar)
    {
        ref var known = ref CollectionsMarshal.GetValueRefOrAddDefault(_exemplars, bucket, out var isKnown);
        if (!isKnown || exemplar.IsBefore(known))
            known = exemplar;
    }

    public void Merge(IReadOnlyDictionary<int, TraceExemplar> others)
    {
        foreach (var (bucket, exemplar) in others)
            Add(bucket, exemplar);
    }

    /// <summary>By bucket; not a copy.</summary>
    public IReadOnlyDictionary<int, TraceExemplar> ByBucket => _exemplars;
}
