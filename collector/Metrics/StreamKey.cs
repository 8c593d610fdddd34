using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Collector;

/// <summary>
/// Tells cumulative streams apart by hashes of 128 bits: that two of a million streams are taken for one has a
/// probability of 10^-26.
/// </summary>
readonly struct StreamKey
{
    public static readonly MetricInstrument NoInstrument = new();

    public StreamKey(HistogramPoint point)
    {
        var hash = new XxHash128();
        var instrument = point.Instrument;
        Append(hash, instrument.Resource.Attributes);
        Append(hash, instrument.Scope.Name);
        Append(hash, instrument.Scope.Version);
        Append(hash, instrument.Scope.Attributes);
        Append(hash, instrument.Name);
        Append(hash, instrument.Unit);
        Append(hash, point.StartUnixNano);
        Append(hash, point.Bounds is null ? 0UL : (ulong)point.Bounds.Length + 1);
        hash.Append(MemoryMarshal.AsBytes(point.Bounds.AsSpan()));
        Family = hash.GetCurrentHashAsUInt128();
        Append(hash, point.Attributes);
        Stream = hash.GetCurrentHashAsUInt128();
    }

    /// <summary>All but the point's attributes.</summary>
    public UInt128 Family { get; }

    public UInt128 Stream { get; }

    // in any order, as their order means nothing
    static void Append(XxHash128 hash, KeyValue[] attributes)
    {
        Append(hash, (ulong)attributes.Length);
        foreach (var attribute in UniqueKeys.Sorted(attributes))
        {
            Append(hash, attribute.Key);
            Append(hash, (ulong)attribute.Value.Type);
            Append(hash, attribute.Value.ToString() ?? "");
        }
    }

    static void Append(XxHash128 hash, string text)
    {
        Append(hash, (ulong)text.Length);
        hash.Append(MemoryMarshal.AsBytes(text.AsSpan()));
    }

    static void Append(XxHash128 hash, ulong number)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, number);
        hash.Append(bytes);
    }
}
