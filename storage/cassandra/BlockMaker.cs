using System.Runtime.InteropServices;
using Tracing.Model;

namespace Tracing.Storage.Cassandra;

/// <summary>A block to be written.</summary>
/// <param name="Hour">In which all its spans start.</param>
/// <param name="Lows">The low halves of the ids of its traces, each once.</param>
sealed record EncodedBlock(long Hour, BlockHead Head, byte[] Data, ulong[] Lows);

/// <summary>Makes blocks of the spans of a group.</summary>
static class BlockMaker
{
    [ThreadStatic]
    static BlockEncoder? t_encoder;

    /// <summary>
    /// Spans of a trace stay together and in their order, and traces in that of their first spans, so that the order
    /// stored can be told. Spans of different hours are in blocks of their own; then each says its place in the group.
    /// </summary>
    /// <param name="kept">By the low half of its id, why a trace is kept; null where nothing was decided.</param>
    /// <param name="repeats">Of each span, what marks it as a repeat; null where none is one.</param>
    public static List<EncodedBlock> Make(List<Span> spans, long stored, long writer, int blockSpans,
        IReadOnlyDictionary<ulong, TraceKept>? kept = null, BlockFlags[]? repeats = null)
    {
        var blocks = new List<EncodedBlock>();
        var hours = spans.Index().GroupBy(each => Tables.HourOf(each.Item.StartUnixNano)).ToList();
        foreach (var ofHour in hours.OrderBy(hour => hour.Key))
        {
            var block = new List<Span>();
            var places = new List<int>();
            var repeated = new List<BlockFlags>();
            foreach (var trace in ofHour.GroupBy(each => each.Item.TraceId.Low, SeededHash.Comparer))
            {
                foreach (var (place, span) in trace)
                {
                    block.Add(span);
                    if (repeats is not null)
                        repeated.Add(repeats[place]);
                    if (hours.Count > 1)
                        places.Add(place);
                    // a trace may be longer than a block
                    if (block.Count >= 2 * blockSpans)
                        End();
                }
                if (block.Count >= blockSpans)
                    End();
            }
            if (block.Count > 0)
                End();

            void End()
            {
                blocks.Add(Encode(ofHour.Key, block, places, kept, repeated,
                    new BlockId(stored, writer, blocks.Count, kept is not null)));
                block.Clear();
                places.Clear();
                repeated.Clear();
            }
        }
        return blocks;
    }

    static EncodedBlock Encode(long hour, List<Span> spans, List<int> places,
        IReadOnlyDictionary<ulong, TraceKept>? kept, List<BlockFlags> repeats, BlockId id)
    {
        t_encoder ??= new BlockEncoder();
        var data = t_encoder.Encode(CollectionsMarshal.AsSpan(spans), CollectionsMarshal.AsSpan(places), kept,
            CollectionsMarshal.AsSpan(repeats));
        var head = new BlockHead(id, spans.Min(span => span.StartUnixNano), spans.Max(span => span.StartUnixNano),
            spans.Count);
        return new EncodedBlock(
            hour, head, data, [.. spans.Select(span => span.TraceId.Low).Distinct(SeededHash.Comparer)]);
    }
}
