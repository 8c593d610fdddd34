using System.Runtime.InteropServices;

namespace Tracing.Storage;

/// <summary>
/// For each bucket of a histogram a trace that is counted there, by the low half of its id: the one of the least hash,
/// so that merging sets gives the same in any order. A hash, as ids may be numbered in the order of their traces.
/// </summary>
public sealed class ExemplarSet
{
    readonly Dictionary<int, ulong> _traces = [];

    public int Count => _traces.Count;

    public void Add(int bucket, ulong traceLow)
    {
        ref var known = ref CollectionsMarshal.GetValueRefOrAddDefault(_traces, bucket, out var isKnown);
        if (!isKnown || IsBefore(traceLow, known))
            known = traceLow;
    }

    public void Merge(IReadOnlyDictionary<int, ulong> others)
    {
        foreach (var (bucket, traceLow) in others)
            Add(bucket, traceLow);
    }

    /// <summary>A copy.</summary>
    public Dictionary<int, ulong> ToDictionary() => new(_traces);

    static bool IsBefore(ulong one, ulong other) => (Hash(one), one).CompareTo((Hash(other), other)) < 0;

    /// <summary>MurmurHash3's finalizer: a permutation, so there are no ties.</summary>
    static ulong Hash(ulong id)
    {
        unchecked
        {
            id = (id ^ (id >> 33)) * 0xff51_afd7_ed55_8ccd;
            id = (id ^ (id >> 33)) * 0xc4ce_b9fe_1a85_ec53;
            return id ^ (id >> 33);
        }
    }
}
