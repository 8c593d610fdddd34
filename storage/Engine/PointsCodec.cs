using Tracing.Model;
using ZstdSharp;

namespace Tracing.Storage.Engine;

/// <summary>Points of series as bytes: each series and each text once, compressed by zstd.</summary>
static class PointsCodec
{
    const byte Version = 1;
    const int Level = 3;

    [ThreadStatic]
    static Compressor? t_compressor;

    [ThreadStatic]
    static Decompressor? t_decompressor;

    public static byte[] Encode(IReadOnlyList<SeriesPoint> points)
    {
        var texts = new Dictionary<string, int>(StringComparer.Ordinal);
        var series = new Dictionary<Series, int>();
        var (textBytes, seriesBytes, body) = (new ByteWriter(), new ByteWriter(), new ByteWriter());
        body.Write(points.Count);
        foreach (var point in points)
        {
            if (!series.TryGetValue(point.Series, out var id))
            {
                series.Add(point.Series, id = series.Count);
                AddSeries(point.Series);
            }
            body.Write(id);
            body.WriteSigned(point.Minute);
            body.Write(point.IsEstimated ? 1 : 0);
            body.Write(point.Latencies.Encode());
            body.Write(point.Exemplars?.Count ?? 0);
            foreach (var (bucket, (trace, seconds)) in point.Exemplars ?? new Dictionary<int, TraceExemplar>())
            {
                body.WriteSigned(bucket);
                body.WriteFixed(trace.High);
                body.WriteFixed(trace.Low);
                body.Write((ulong)seconds);
            }
        }
        var all = new ByteWriter();
        all.Write(texts.Count);
        all.Append(textBytes.Written);
        all.Write(series.Count);
        all.Append(seriesBytes.Written);
        all.Append(body.Written);
        return [Version, .. (t_compressor ??= new Compressor(Level)).Wrap(all.Written)];

        void AddSeries(Series each)
        {
            seriesBytes.Write((int)each.Level);
            seriesBytes.Write((int)each.Kind);
            seriesBytes.Write(each.IsError ? 1 : 0);
            seriesBytes.Write((int)each.Source);
            seriesBytes.Write((int)each.Side);
            foreach (var text in new[] { each.Service, each.Operation, each.Peer, each.PeerOperation })
            {
                if (!texts.TryGetValue(text, out var id))
                {
                    texts.Add(text, id = texts.Count);
                    textBytes.Write(text);
                }
                seriesBytes.Write(id);
            }
        }
    }

    /// <param name="isWanted">Others are passed over, which costs little.</param>
    public static List<SeriesPoint> Decode(
        ReadOnlyMemory<byte> data, Func<Series, bool> isWanted, bool withExemplars)
    {
        if (data.Span is not [Version, ..])
            throw new InvalidDataException($"Points have the unknown version {(data.IsEmpty ? 0 : data.Span[0])}.");
        var input = new ByteReader((t_decompressor ??= new Decompressor()).Unwrap(data.Span[1..]).ToArray());
        var texts = new string[input.ReadCount()];
        for (var i = 0; i < texts.Length; i++)
            // earlier servers did not cut them
            texts[i] = SeriesNames.Cut(input.ReadText());
        var series = new (Series Series, bool IsWanted)[input.ReadCount()];
        for (var i = 0; i < series.Length; i++)
            series[i].IsWanted = isWanted(series[i].Series = ReadSeries(ref input, texts));
        var points = new List<SeriesPoint>();
        for (var left = input.ReadCount(); left > 0; left--)
        {
            var (of, isOfWanted) = series[input.ReadInt32()];
            var minute = input.ReadSigned();
            var isEstimated = input.ReadInt32() != 0;
            var latencies = input.ReadBytes();
            var exemplars = ReadExemplars(ref input, isOfWanted && withExemplars);
            if (isOfWanted)
            {
                points.Add(new SeriesPoint(
                    of, minute, LatencyHistogram.Decode(latencies.Span), isEstimated, exemplars));
            }
        }
        return points;
    }

    static Series ReadSeries(ref ByteReader input, string[] texts)
    {
        var (level, kind, isError) = (input.ReadInt32(), input.ReadInt32(), input.ReadInt32() != 0);
        var (source, side) = (input.ReadInt32(), input.ReadInt32());
        var (service, operation) = (texts[input.ReadInt32()], texts[input.ReadInt32()]);
        return new Series((SeriesLevel)level, service, operation, (SpanKind)kind, isError, (SeriesSource)source,
            texts[input.ReadInt32()], texts[input.ReadInt32()], (EdgeSide)side);
    }

    static Dictionary<int, TraceExemplar>? ReadExemplars(ref ByteReader input, bool isWanted)
    {
        var count = input.ReadInt32();
        var exemplars = isWanted ? new Dictionary<int, TraceExemplar>(count) : null;
        for (; count > 0; count--)
        {
            var bucket = (int)input.ReadSigned();
            var trace = new TraceId(input.ReadFixed(), input.ReadFixed());
            var seconds = (uint)input.ReadUInt64();
            exemplars?.Add(bucket, new TraceExemplar(trace, seconds));
        }
        return exemplars;
    }
}
