using Tracing.Model;

namespace Tracing.Storage;

/// <summary>A trace that has a span counted somewhere.</summary>
/// <param name="UnixSeconds">When that span started.</param>
public readonly record struct TraceExemplar(TraceId Trace, uint UnixSeconds)
{
    /// <summary>
    /// Whether it is taken rather than another: the one of the least hash, so that merging gives the same in any order.
    /// A hash, as ids may be numbered in the order of their traces.
    /// </summary>
    public bool IsBefore(in TraceExemplar other)
    {
        var (hash, otherHash) = (Hash(Trace.Low), Hash(other.Trace.Low));
        return hash != otherHash ? hash < otherHash
            : Trace.High != other.Trace.High ? Trace.High < other.Trace.High
            : UnixSeconds < other.UnixSeconds;
    }

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
