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
    /// stored can be told. Spans of different hours are in blocks of their own.
    /// </summary>
    public static List<EncodedBlock> Make(List<Span> spans, long stored, long writer, int blockSpans)
    {
        var blocks = new List<EncodedBlock>();
        foreach (var ofHour in spans.GroupBy(span => Tables.HourOf(span.StartUnixNano)).OrderBy(hour => hour.Key))
        {
            var block = new List<Span>();
            foreach (var trace in ofHour.GroupBy(span => span.TraceId.Low))
            {
                foreach (var span in trace)
                {
                    block.Add(span);
                    // a trace may be longer than a block
                    if (block.Count >= 2 * blockSpans)
                        End(block);
                }
                if (block.Count >= blockSpans)
                    End(block);
            }
            if (block.Count > 0)
                End(block);

            void End(List<Span> ended)
            {
                blocks.Add(Encode(ofHour.Key, ended, new BlockId(stored, writer, blocks.Count)));
                ended.Clear();
            }
        }
        return blocks;
    }

    static EncodedBlock Encode(long hour, List<Span> spans, BlockId id)
    {
        t_encoder ??= new BlockEncoder();
        var data = t_encoder.Encode(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(spans));
        var head = new BlockHead(id, spans.Min(span => span.StartUnixNano), spans.Max(span => span.StartUnixNano),
            spans.Count);
        return new EncodedBlock(hour, head, data, [.. spans.Select(span => span.TraceId.Low).Distinct()]);
    }
}
