using System.Runtime.InteropServices;
using Tracing.Model;
using Tracing.Storage.Blocks;

namespace Tracing.Storage.Engine;

/// <summary>Makes blocks of the spans of a group.</summary>
static class GroupBlocks
{
    /// <summary>Of zstd: compaction writes them again within minutes.</summary>
    const int Level = 1;

    /// <summary>The same: a block of 2,000 spans has some 200 parts, most of them short.</summary>
    const int MinCompressed = 512;

    [ThreadStatic]
    static (int BlockSpans, BlockBuilder Builder) t_builder;

    /// <param name="marks">Of each span, what marks it as a repeat; null where none is one.</param>
    public static List<BuiltBlock> Make(
        IReadOnlyList<Span> spans, long stored, long writer, int blockSpans, SpanFlags[]? marks = null)
    {
        if (t_builder.BlockSpans != blockSpans)
        {
            t_builder.Builder?.Dispose();
            t_builder = (blockSpans, new BlockBuilder(Level, blockSpans, MinCompressed));
        }
        // of an attempt that failed
        t_builder.Builder!.Clear();
        var names = new List<byte[]> { new CommitPlace(stored, writer).ToName() };
        var runs = RunsOf(spans);
        for (var i = 0; i < spans.Count; i++)
        {
            var run = runs?[i] ?? 0;
            for (; run >= names.Count;)
                names.Add(new CommitPlace(stored, writer, names.Count).ToName());
            t_builder.Builder.Add(spans[i], names[run], marks?[i] ?? SpanFlags.None);
        }
        // so that of traces of one time it can be told which was stored first
        return t_builder.Builder.Build(byStart: false);
    }

    /// <summary>See <see cref="CommitPlace"/>; null where all start in one hour.</summary>
    static int[]? RunsOf(IReadOnlyList<Span> spans)
    {
        var first = spans.Count == 0 ? 0 : BlockBuilder.HourOf(spans[0].StartUnixNano);
        var at = 0;
        while (at < spans.Count && BlockBuilder.HourOf(spans[at].StartUnixNano) == first)
            at++;
        if (at == spans.Count)
            return null;
        var runs = new int[spans.Count];
        var last = new Dictionary<ulong, (long Hour, int Run)>(SeededHash.Comparer);
        for (var i = 0; i < runs.Length; i++)
        {
            var hour = BlockBuilder.HourOf(spans[i].StartUnixNano);
            ref var before = ref CollectionsMarshal.GetValueRefOrAddDefault(
                last, spans[i].TraceId.Low, out var isKnown);
            before = (hour, isKnown ? before.Run + (before.Hour == hour ? 0 : 1) : 0);
            runs[i] = before.Run;
        }
        return runs;
    }
}
