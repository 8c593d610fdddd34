using System.Runtime.InteropServices;
using Tracing.Model;
using ZstdSharp;

namespace Tracing.Storage.Engine;

/// <summary>
/// Points of series as bytes, for groups and for rows of statistics: each text, series and trace once; what is alike
/// lies together, in parts that zstd compresses as one. A point is its buckets, each by its distance from the one
/// before, and what the buckets do not tell of its totals.
/// </summary>
static class PointsCodec
{
    const byte Version = 2;

    /// <summary>Of what is deleted soon.</summary>
    const int FastLevel = 1;

    const int Level = 3;

    const int SecondsPerMinute = 60;

    /// <summary>Traces, series, what points are, their buckets, totals and exemplars.</summary>
    const int Parts = 6;

    [ThreadStatic]
    static Compressor? t_compressor;

    [ThreadStatic]
    static Decompressor? t_decompressor;

    [Flags]
    enum Has
    {
        None = 0,
        Estimate = 1,
        Zeros = 2,
        Unknown = 4,
        Excess = 8,

        /// <summary>One span and nothing else: its duration is least, greatest and sum.</summary>
        Single = 16,
        Exemplars = 32,

        /// <summary>Of the sum more than 64 bits.</summary>
        LargeSum = 64,
    }

    /// <param name="points">By series, those of one by time.</param>
    /// <param name="isTransient">Whether they are deleted soon, so that time matters more than room.</param>
    public static byte[] Encode(IReadOnlyList<SeriesCounts> points, bool isTransient, bool withExemplars = true)
    {
        var encoder = new Encoder(points.Count == 0 ? 0 : points[0].Minute, withExemplars);
        for (var i = 0; i < points.Count;)
        {
            var end = i + 1;
            while (end < points.Count && points[end].Series == points[i].Series)
                end++;
            encoder.Begin(points[i].Series, end - i);
            for (; i < end; i++)
                encoder.Add(points[i]);
        }
        t_compressor ??= new Compressor();
        t_compressor.Level = isTransient ? FastLevel : Level;
        return [Version, .. t_compressor.Wrap(encoder.End())];
    }

    /// <param name="isWanted">Others are passed over.</param>
    /// <param name="add">Told of each, in their order; the counts are its own.</param>
    public static void Decode(ReadOnlyMemory<byte> data, Func<Series, bool> isWanted, Action<SeriesCounts> add)
    {
        if (data.Span is not [Version, ..])
            throw new InvalidDataException($"Points have the unknown version {(data.IsEmpty ? 0 : data.Span[0])}.");
        new Decoder((t_decompressor ??= new Decompressor()).Unwrap(data.Span[1..]).ToArray()).Read(isWanted, add);
    }

    sealed class Encoder(long baseMinute, bool withExemplars)
    {
        readonly ByteWriter _texts = new();
        readonly ByteWriter[] _parts = [new(), new(), new(), new(), new(), new()];
        readonly Dictionary<string, int> _textIds = new(StringComparer.Ordinal);
        readonly Dictionary<TraceId, (int Id, uint Seconds)> _traces = [];
        readonly List<(int Bucket, ulong Count)> _buckets = [];
        readonly List<BucketExemplar> _exemplars = [];
        int _series;
        long _minute;

        ByteWriter Traces => _parts[0];
        ByteWriter Series => _parts[1];
        ByteWriter Points => _parts[2];
        ByteWriter Buckets => _parts[3];
        ByteWriter Totals => _parts[4];
        ByteWriter Exemplars => _parts[5];

        public void Begin(in Series series, int points)
        {
            _series++;
            Series.Write(((int)series.Level << 4) | ((int)series.Kind << 1) | (series.IsError ? 1 : 0));
            Series.Write(((int)series.Source << 4) | (int)series.Side);
            Series.Write(IdOf(series.Service));
            Series.Write(IdOf(series.Operation));
            Series.Write(IdOf(series.Peer));
            Series.Write(IdOf(series.PeerOperation));
            Series.Write(points);
            _minute = baseMinute;
        }

        public void Add(in SeriesCounts point)
        {
            var counts = point.Counts;
            ref readonly var totals = ref counts.Totals;
            counts.CopyTo(_buckets);
            var isSingle = totals.Count == 1 && _buckets.Count == 1;
            var has = (counts.IsEstimated ? Has.Estimate : 0) | (totals.ZeroCount > 0 ? Has.Zeros : 0) |
                (totals.UnknownCount > 0 ? Has.Unknown : 0) | (totals.Excess > 0 ? Has.Excess : 0) |
                (isSingle ? Has.Single : 0) | (withExemplars && counts.ExemplarCount > 0 ? Has.Exemplars : 0);
            var least = UInt128.Zero;
            foreach (var (bucket, count) in _buckets)
                least += (UInt128)count * (ulong)LeastIn(bucket);
            // not less than 0, as the buckets say what the sum can be; what is beyond is right all the same
            var sum = unchecked(totals.Sum - least);
            if (sum > ulong.MaxValue)
                has |= Has.LargeSum;

            Points.WriteSigned(point.Minute - _minute);
            _minute = point.Minute;
            Points.Write((int)has);
            if ((has & Has.Single) == 0)
                Points.Write(_buckets.Count);
            WriteBuckets();
            WriteTotals(totals, has, sum);
            if ((has & Has.Exemplars) != 0)
                WriteExemplars(counts);
        }

        void WriteBuckets()
        {
            var next = LatencyBuckets.FirstIndex;
            foreach (var (bucket, count) in _buckets)
            {
                Buckets.Write(((bucket - next) << 1) | (count > 1 ? 1 : 0));
                if (count > 1)
                    Buckets.Write(count - 2);
                next = bucket + 1;
            }
        }

        void WriteTotals(in LatencyTotals totals, Has has, UInt128 sum)
        {
            if ((has & Has.Zeros) != 0)
                Totals.Write(totals.ZeroCount);
            if ((has & Has.Unknown) != 0)
            {
                Totals.Write(totals.UnknownCount);
                Write(Totals, totals.UnknownExcess);
            }
            if ((has & Has.Excess) != 0)
                Write(Totals, totals.Excess);
            if ((has & Has.LargeSum) != 0)
                Write(Totals, sum);
            else
                Totals.Write((ulong)sum);
            if (_buckets.Count == 0 || (has & Has.Single) != 0)
                return;
            if ((has & Has.Zeros) == 0)
                Totals.WriteSigned(totals.Min - LeastIn(_buckets[0].Bucket));
            Totals.WriteSigned(totals.Max - LeastIn(_buckets[^1].Bucket));
        }

        void WriteExemplars(LatencyCounts counts)
        {
            CollectionsMarshal.SetCount(_exemplars, counts.ExemplarCount);
            counts.Exemplars.CopyTo(CollectionsMarshal.AsSpan(_exemplars));
            _exemplars.Sort(static (one, other) => one.Bucket.CompareTo(other.Bucket));
            Exemplars.Write(_exemplars.Count);
            long before = _buckets.Count > 0 ? _buckets[0].Bucket : 0;
            foreach (var each in _exemplars)
            {
                var exemplar = each.Exemplar;
                ref var trace = ref CollectionsMarshal.GetValueRefOrAddDefault(
                    _traces, exemplar.Trace, out var isKnown);
                if (!isKnown)
                {
                    trace = (_traces.Count - 1, exemplar.UnixSeconds);
                    Traces.WriteFixed(exemplar.Trace.High);
                    Traces.WriteFixed(exemplar.Trace.Low);
                    Traces.WriteSigned(exemplar.UnixSeconds - (baseMinute * SecondsPerMinute));
                }
                Exemplars.WriteSigned(each.Bucket - before);
                Exemplars.Write(trace.Id);
                Exemplars.WriteSigned((long)exemplar.UnixSeconds - trace.Seconds);
                before = each.Bucket;
            }
        }

        public ReadOnlySpan<byte> End()
        {
            var all = new ByteWriter();
            all.WriteSigned(baseMinute);
            all.Write(_textIds.Count);
            all.Append(_texts.Written);
            all.Write(_traces.Count);
            all.Write(_series);
            foreach (var part in _parts)
                all.Write(part.Written);
            return all.Written;
        }

        int IdOf(string text)
        {
            ref var id = ref CollectionsMarshal.GetValueRefOrAddDefault(_textIds, text, out var isKnown);
            if (!isKnown)
            {
                id = _textIds.Count - 1;
                _texts.Write(text);
            }
            return id;
        }

        static void Write(ByteWriter output, UInt128 value)
        {
            output.Write((ulong)value);
            output.Write((ulong)(value >> 64));
        }
    }

    ref struct Decoder
    {
        readonly long _baseMinute;
        readonly string[] _texts;
        readonly TraceExemplar[] _traces;
        readonly int _seriesCount;
        ByteReader _series;
        ByteReader _points;
        ByteReader _buckets;
        ByteReader _totals;
        ByteReader _exemplars;

        public Decoder(byte[] bytes)
        {
            var input = new ByteReader(bytes);
            _baseMinute = input.ReadSigned();
            _texts = new string[input.ReadCount()];
            for (var i = 0; i < _texts.Length; i++)
                _texts[i] = input.ReadText();
            _traces = new TraceExemplar[input.ReadCount()];
            _seriesCount = input.ReadCount();
            var parts = new ByteReader[Parts];
            for (var i = 0; i < parts.Length; i++)
                parts[i] = new ByteReader(input.ReadBytes());
            for (var i = 0; i < _traces.Length; i++)
            {
                var trace = new TraceId(parts[0].ReadFixed(), parts[0].ReadFixed());
                _traces[i] = new(trace, unchecked((uint)(parts[0].ReadSigned() + (_baseMinute * SecondsPerMinute))));
            }
            (_series, _points, _buckets, _totals, _exemplars) = (parts[1], parts[2], parts[3], parts[4], parts[5]);
        }

        public void Read(Func<Series, bool> isWanted, Action<SeriesCounts> add)
        {
            for (var i = 0; i < _seriesCount; i++)
            {
                var (kind, source) = (_series.ReadInt32(), _series.ReadInt32());
                var series = new Series((SeriesLevel)(kind >> 4), ReadText(), ReadText(), (SpanKind)((kind >> 1) & 7),
                    (kind & 1) != 0, (SeriesSource)(source >> 4), ReadText(), ReadText(), (EdgeSide)(source & 0xf));
                var isOfWanted = isWanted(series);
                var minute = _baseMinute;
                for (var left = _series.ReadInt32(); left > 0; left--)
                {
                    minute += _points.ReadSigned();
                    var counts = ReadCounts();
                    if (isOfWanted)
                        add(new SeriesCounts(series, minute, counts));
                }
            }
        }

        string ReadText() => _texts[_series.ReadInt32()];

        LatencyCounts ReadCounts()
        {
            var counts = new LatencyCounts();
            var totals = LatencyTotals.None;
            var has = (Has)_points.ReadInt32();
            var left = (has & Has.Single) != 0 ? 1 : _points.ReadInt32();
            var (first, last, least) = (0, 0, UInt128.Zero);
            var next = LatencyBuckets.FirstIndex;
            for (var i = 0; i < left; i++)
            {
                var distance = _buckets.ReadInt32();
                last = next + (distance >> 1);
                if ((uint)(last + 1) > LatencyBuckets.LastIndex(LatencyHistogram.DefaultScale) + 1)
                    throw new InvalidDataException($"Damaged: there is no bucket {last}.");
                first = i == 0 ? last : first;
                var count = (distance & 1) == 0 ? 1 : _buckets.ReadUInt64() + 2;
                counts.AddToBucket(last, count);
                totals.Count += count;
                least += (UInt128)count * (ulong)LeastIn(last);
                next = last + 1;
            }
            if ((has & Has.Zeros) != 0)
                totals.Count += totals.ZeroCount = _totals.ReadUInt64();
            if ((has & Has.Unknown) != 0)
                totals.AddUnknown(_totals.ReadUInt64(), ReadUInt128());
            if ((has & Has.Excess) != 0)
                totals.Excess = ReadUInt128();
            totals.Sum = unchecked(least + ((has & Has.LargeSum) != 0 ? ReadUInt128() : _totals.ReadUInt64()));
            if ((has & Has.Single) != 0)
            {
                totals.Min = totals.Max = (long)totals.Sum;
            }
            else
            {
                if ((has & Has.Zeros) != 0)
                    totals.Min = 0;
                else if (left > 0)
                    totals.Min = LeastIn(first) + _totals.ReadSigned();
                if (left > 0)
                    totals.Max = LeastIn(last) + _totals.ReadSigned();
            }
            counts.Begin(totals, (has & Has.Estimate) != 0);
            if ((has & Has.Exemplars) != 0)
                ReadExemplars(counts, left > 0 ? first : 0);
            return counts;
        }

        void ReadExemplars(LatencyCounts counts, int bucket)
        {
            for (var left = _exemplars.ReadInt32(); left > 0; left--)
            {
                bucket += (int)_exemplars.ReadSigned();
                var (trace, seconds) = _traces[_exemplars.ReadInt32()];
                counts.Choose(bucket, new(trace, unchecked((uint)(seconds + _exemplars.ReadSigned()))));
            }
        }

        UInt128 ReadUInt128()
        {
            var low = _totals.ReadUInt64();
            return new(_totals.ReadUInt64(), low);
        }
    }

    static long LeastIn(int bucket) => LatencyBuckets.LeastIn(bucket, LatencyHistogram.DefaultScale);
}
