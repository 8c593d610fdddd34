using Tracing.Model;
using Tracing.Storage.Blocks;

namespace Tracing.Storage.Engine;

/// <summary>What the spans of a block say of a trace. Spans of one trace may be in several blocks.</summary>
/// <param name="First">The earliest start, as sent; 0 when a span has none.</param>
/// <param name="Last">The latest start.</param>
/// <param name="Known">The earliest start that is known; the maximum when none is.</param>
/// <param name="End">The latest end of spans whose start is known; 0 without any.</param>
/// <param name="Longest">The longest duration of a span that is known; 0 when none is.</param>
/// <param name="Resources">A bit for each resource of the block; the last stands for all beyond 63.</param>
readonly record struct TraceBrief(TraceId Id, ulong First, ulong Last, ulong Known, ulong End, ulong Longest, int Spans,
    int Errors, ulong Resources);

/// <summary>
/// What a block says of its traces, in some 80 bytes for each, so that traces can be ranked without reading blocks.
/// </summary>
sealed class BlockBrief
{
    const int LastBit = 63;

    const int TraceBytes = 80;

    BlockBrief(TraceBrief[] traces, Resource[] resources)
    {
        Traces = traces;
        Resources = resources;
    }

    public TraceBrief[] Traces { get; }

    /// <summary>As OTLP says them: of spans of Zipkin, their hosts.</summary>
    public Resource[] Resources { get; }

    /// <summary>Bytes in memory, about.</summary>
    public int Weight => 200 + (TraceBytes * Traces.Length) + (8 * Resources.Length);

    /// <param name="shared">Gives one resource for all that are equal, as the same ones are in many blocks.</param>
    public static BlockBrief Of(SpanBlock block, Func<Resource, Resource> shared)
    {
        var traces = new TraceBrief[block.TraceCount];
        for (var trace = 0; trace < traces.Length; trace++)
            traces[trace] = Of(block, trace);
        var resources = new Resource[block.SourceCount];
        for (var i = 0; i < resources.Length; i++)
            resources[i] = shared(block.OtlpResourceOf(i));
        return new BlockBrief(traces, resources);
    }

    static TraceBrief Of(SpanBlock block, int trace)
    {
        var (first, last, known, end, longest) = (ulong.MaxValue, 0UL, ulong.MaxValue, 0UL, 0UL);
        var (errors, resources) = (0, 0UL);
        var (from, to) = (block.Traces.From[trace], block.Traces.From[trace + 1]);
        for (var i = from; i < to; i++)
        {
            var (start, duration) = (block.Starts[i], block.KnownDurationOf(i) ?? 0);
            first = Math.Min(first, start);
            last = Math.Max(last, start);
            if (start > 0)
            {
                known = Math.Min(known, start);
                end = Math.Max(end, EndOf(start, duration));
            }
            longest = Math.Max(longest, duration);
            errors += block.TemplateOf(i).Status == StatusCode.Error ? 1 : 0;
            resources |= BitOf(block.SourceCodes[i]);
        }
        return new TraceBrief(
            block.Traces.Ids[trace], first, last, known, end, longest, to - from, errors, resources);
    }

    /// <summary>A bit for each resource that is something, to be compared with those of a trace.</summary>
    public ulong BitsThat(Predicate<Resource> predicate)
    {
        var bits = 0UL;
        for (var i = 0; i < Resources.Length; i++)
            bits |= predicate(Resources[i]) ? BitOf(i) : 0;
        return bits;
    }

    static ulong BitOf(int resource) => 1UL << Math.Min(resource, LastBit);

    static ulong EndOf(ulong start, ulong duration) =>
        start > ulong.MaxValue - duration ? ulong.MaxValue : start + duration;
}
