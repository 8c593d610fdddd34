using System.Buffers;
using Tracing.Model.Wire;

namespace Tracing.Model;

// All numbers as unsigned LEB128 varints. Version 2 has the two lines marked with 2, and is written only where these
// are not 0, so that all else stays readable to servers that know version 1.
//
//   1 or 2                 version, a byte
// 2 unknown count          of those whose duration is not known; from 1
// 2 unknown excess         sum of w * (w - 1) over their weights
//   scale                  a byte
//   zero count
//   first                  index of the first non-empty bucket + 1
//   length                 buckets from it to the last non-empty one; 0: there is none, and nothing of the next two
//   counts                 of each of them; 0 is followed by how many more empty ones come
//   excess                 sum of w * (w - 1) over all weights; 0 where there are none
//   sum                    nanoseconds, up to 127 bits
//   min, max               each less the least whole number of its bucket; min only if the zero count is 0
//
// What is equal is encoded to equal bytes.
public sealed partial class LatencyHistogram
{
    const byte WithoutUnknown = 1;
    const byte WithUnknown = 2;

    /// <summary>Appends the histogram in a compact form, from which <see cref="Decode"/> makes an equal one.</summary>
    public void Encode(IBufferWriter<byte> output)
    {
        ArgumentNullException.ThrowIfNull(output);
        var occupied = Occupied(out var first);
        var writer = new VarintWriter(output, (occupied.Length * VarintWriter.MaxBytes) + 96);
        writer.Write(UnknownCount == 0 ? WithoutUnknown : WithUnknown);
        if (UnknownCount > 0)
        {
            writer.Write(UnknownCount);
            writer.Write(_totals.UnknownExcess);
        }
        writer.Write((byte)Scale);
        writer.Write(ZeroCount);
        writer.Write(occupied.Length == 0 ? 0 : (ulong)(first + 1));
        writer.Write((ulong)occupied.Length);
        WriteCounts(ref writer, occupied);
        writer.Write(_totals.Excess);
        if (occupied.Length > 0)
        {
            writer.Write(Sum);
            if (ZeroCount == 0)
                writer.Write((ulong)(_totals.Min - LatencyBuckets.LeastIn(first, Scale)));
            writer.Write((ulong)(_totals.Max - LatencyBuckets.LeastIn(first + occupied.Length - 1, Scale)));
        }
        writer.Flush();
    }

    /// <inheritdoc cref="Encode(IBufferWriter{byte})"/>
    public byte[] Encode()
    {
        var output = new ArrayBufferWriter<byte>();
        Encode(output);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>
    /// Reads what <see cref="Encode()"/> wrote. Its memory is bounded by what the buckets of all durations take, 32 KB,
    /// whatever the bytes say.
    /// </summary>
    /// <exception cref="WireException">
    /// The bytes are damaged, or of a newer version; with the place in them.
    /// </exception>
    public static LatencyHistogram Decode(ReadOnlySpan<byte> encoded)
    {
        var reader = new VarintReader(encoded);
        var version = reader.ReadUInt64();
        if (version is not (WithoutUnknown or WithUnknown))
            throw reader.Malformed($"a histogram of version {version}, where {WithUnknown} is known");
        var (unknown, unknownExcess) = version == WithUnknown ? ReadUnknown(ref reader) : (0UL, UInt128.Zero);
        var scale = reader.ReadUpTo(LatencyBuckets.MaxScale, "scale");
        var histogram = new LatencyHistogram((int)scale);
        histogram._totals.AddUnknown(unknown, unknownExcess);
        histogram._totals.Count = histogram._totals.ZeroCount = reader.ReadUInt64();
        var end = LatencyBuckets.LastIndex((int)scale) + 1;
        histogram._first = (int)reader.ReadUpTo((ulong)end, "first bucket") - 1;
        var length = (int)reader.ReadUpTo((ulong)(end - histogram._first), "number of buckets");
        if (length > 0)
            histogram.ReadCounts(ref reader, length);
        histogram.ReadExcess(ref reader);
        if (length > 0)
            histogram.ReadSumAndExtremes(ref reader);
        else
            histogram.SetExtremes(0, 0);
        reader.RequireEnd();
        return histogram;
    }

    /// <summary>
    /// Merges what <see cref="Encode()"/> wrote without the checks of <see cref="Decode"/>, which take most of its
    /// time: for bytes that cannot have been damaged or are checked elsewhere.
    /// </summary>
    internal void MergeEncoded(ReadOnlySpan<byte> encoded)
    {
        var reader = new VarintReader(encoded);
        // of all durations there are 4033 buckets at the finest scale, 32 KB
        const ulong MostBuckets = 4096;
        if (reader.ReadUInt64() != WithoutUnknown || reader.ReadUInt64() != (ulong)Scale)
        {
            Merge(Decode(encoded));
            return;
        }
        var totals = LatencyTotals.None;
        totals.Count = totals.ZeroCount = reader.ReadUInt64();
        var first = (int)reader.ReadUInt64() - 1;
        var length = (int)reader.ReadUpTo(MostBuckets, "number of buckets");
        Span<ulong> counts = stackalloc ulong[length];
        if (length > 0)
        {
            counts.Clear();
            for (var i = 0; i < counts.Length; i++)
            {
                var count = reader.ReadUInt64();
                counts[i] = count;
                totals.Count += count;
                i += count == 0 ? (int)reader.ReadUInt64() : 0;
            }
        }
        totals.Excess = reader.ReadUInt128();
        if (totals.ZeroCount > 0)
            totals.Min = 0;
        if (length > 0)
        {
            totals.Sum = reader.ReadUInt128();
            if (totals.ZeroCount == 0)
                totals.Min = LatencyBuckets.LeastIn(first, Scale) + (long)reader.ReadUInt64();
            totals.Max = LatencyBuckets.LeastIn(first + length - 1, Scale) + (long)reader.ReadUInt64();
        }
        Add(totals, first, counts);
    }

    static (ulong Count, UInt128 Excess) ReadUnknown(ref VarintReader reader)
    {
        var count = reader.ReadUInt64();
        if (count == 0)
            throw reader.Malformed("a histogram of version 2 without a span of unknown duration");
        var excess = reader.ReadUInt128();
        if (excess > Product(count, count - 1))
            throw reader.Malformed($"weights of {count} spans of unknown duration with an excess of {excess}");
        return (count, excess);
    }

    static void WriteCounts(ref VarintWriter writer, ReadOnlySpan<ulong> counts)
    {
        for (var i = 0; i < counts.Length; i++)
        {
            writer.Write(counts[i]);
            if (counts[i] != 0)
                continue;
            // not to the end, as the last count is none of 0
            var more = counts[(i + 1)..].IndexOfAnyExcept(0UL);
            writer.Write((ulong)more);
            i += more;
        }
    }

    void ReadCounts(ref VarintReader reader, int length)
    {
        _counts = new ulong[length];
        for (var i = 0; i < length; i++)
        {
            var count = reader.ReadUInt64();
            if (count == 0)
            {
                if (i == 0)
                    throw reader.Malformed("the first bucket is empty");
                // the last is not empty
                i += (int)reader.ReadUpTo((ulong)(length - i - 1), "run of empty buckets");
                if (i >= length - 1)
                    throw reader.Malformed("the last bucket is empty");
                continue;
            }
            if (count > ulong.MaxValue - Count)
                throw reader.Malformed("the buckets count more than 2^64 - 1");
            if (LatencyBuckets.LeastIn(_first + i, Scale) > LatencyBuckets.GreatestIn(_first + i, Scale))
                throw reader.Malformed($"bucket {_first + i} holds no whole number and counts {count}");
            _counts[i] = count;
            _totals.Count += count;
        }
    }

    void ReadExcess(ref VarintReader reader)
    {
        _totals.Excess = reader.ReadUInt128();
        if (_totals.Excess > Product(Count, Count - Math.Min(Count, 1)))
            throw reader.Malformed($"weights of {Count} spans with an excess of {_totals.Excess}");
    }

    void ReadSumAndExtremes(ref VarintReader reader)
    {
        var sum = reader.ReadUInt128();
        var (least, greatest) = SumBounds();
        if (sum < least || sum > greatest)
            throw reader.Malformed($"sum {sum} is not between {least} and {greatest}, as the buckets have it");
        _totals.Sum = sum;
        _totals.Min = ZeroCount > 0 ? 0 : ReadWithin(ref reader, _first, "min");
        _totals.Max = ReadWithin(ref reader, _first + _counts.Length - 1, "max");
        if (_totals.Min > _totals.Max)
            throw reader.Malformed($"min {_totals.Min} is above max {_totals.Max}");
    }

    long ReadWithin(ref VarintReader reader, int bucket, string what)
    {
        var least = LatencyBuckets.LeastIn(bucket, Scale);
        return least + (long)reader.ReadUpTo((ulong)(LatencyBuckets.GreatestIn(bucket, Scale) - least), what);
    }
}
