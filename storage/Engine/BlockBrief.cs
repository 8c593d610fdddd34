using Tracing.Model;

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

    BlockBrief(TraceBrief[] traces, Resource[] resources, bool hasZipkin)
    {
        Traces = traces;
        Resources = resources;
        HasZipkin = hasZipkin;
    }

    public TraceBrief[] Traces { get; }

    public Resource[] Resources { get; }

    public bool HasZipkin { get; }

    /// <summary>Bytes in memory, about.</summary>
    public int Weight => 200 + (TraceBytes * Traces.Length) + (8 * Resources.Length);

    /// <param name="shared">Gives one resource for all that are equal, as the same ones are in many blocks.</param>
    public static BlockBrief Of(SpanBlock block, Func<Resource, Resource> shared)
    {
        var traces = new TraceBrief[block.Traces.Length];
        for (var i = 0; i < traces.Length; i++)
            traces[i] = new TraceBrief(block.Traces[i], ulong.MaxValue, 0, ulong.MaxValue, 0, 0, 0, 0, 0);
        for (var i = 0; i < block.Count; i++)
        {
            ref var trace = ref traces[block.TraceOf[i]];
            var (start, duration) = (block.Starts[i], block.KnownDurationOf(i) ?? 0);
            var isKnown = start > 0;
            trace = trace with
            {
                First = Math.Min(trace.First, start),
                Last = Math.Max(trace.Last, start),
                Known = isKnown ? Math.Min(trace.Known, start) : trace.Known,
                End = isKnown ? Math.Max(trace.End, EndOf(start, duration)) : trace.End,
                Longest = Math.Max(trace.Longest, duration),
                Spans = trace.Spans + 1,
                Errors = trace.Errors + (block.Statuses[i] == StatusCode.Error ? 1 : 0),
                Resources = trace.Resources | BitOf(block.ResourceIds[i]),
            };
        }
        var resources = new Resource[block.Resources.Count];
        for (var i = 0; i < resources.Length; i++)
            resources[i] = shared(block.Resources[i]);
        return new BlockBrief(traces, resources, block.HasZipkin);
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
