using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.TraceQl;

namespace Tracing.Query;

/// <summary>The first line of an outline.</summary>
/// <param name="TraceId">32 lower-case hex digits.</param>
/// <param name="StartUnixNano">The earliest start, in nanoseconds since 1970, as text.</param>
/// <param name="DurationNanos">From then to the latest end.</param>
/// <param name="IsDurationUnknown">Present when no span says how long it took.</param>
/// <param name="Kept">Why it is still stored, as in a search.</param>
/// <param name="Weight">For how many stored traces it stands.</param>
sealed record OutlineHead(
    string TraceId, int Spans, string StartUnixNano, long DurationNanos,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool IsDurationUnknown,
    string Kept, double Weight);

/// <summary>Each further line: spans in the order of a walk from the roots, column by column.</summary>
/// <param name="Texts">Names that the lines before did not have; all of them make one list.</param>
/// <param name="Ids">16 lower-case hex digits each.</param>
/// <param name="Parents">Place of the parent in the whole order; -1 for roots, -2 where the parent is missing.</param>
/// <param name="Starts">Nanoseconds since the start of the trace; null if the span has none.</param>
/// <param name="Durations">In nanoseconds; 0 for those that are unknown or inverted.</param>
/// <param name="Unknown">Places within this line of the spans whose duration is unknown.</param>
/// <param name="Inverted">The same of those that say that they ended before they started.</param>
/// <param name="Services">Places in the list of names, as are the names.</param>
/// <param name="Hosts">The same: the attribute that tells instances apart.</param>
/// <param name="Machines">The same: host.name. Spans with the same one were timed by one clock.</param>
/// <param name="Kinds">OTLP's numbers, as are the statuses.</param>
sealed record OutlineWindow(IReadOnlyList<string> Texts, string[] Ids, int[] Parents, long?[] Starts,
    long[] Durations, List<int> Unknown, List<int> Inverted, int[] Services, int[] Names, int[] Hosts, int[] Machines,
    int[] Kinds, int[] Statuses)
{
    public OutlineWindow(int spans)
        : this([], new string[spans], new int[spans], new long?[spans], new long[spans], [], [],
            new int[spans], new int[spans], new int[spans], new int[spans], new int[spans], new int[spans])
    {
    }
}

/// <summary>What a waterfall shows of all spans of a trace, in windows: the first can be drawn at once.</summary>
sealed class TraceOutline
{
    /// <summary>Spans of a line: some screens full, then as many as a browser reads within a frame or two.</summary>
    const int FirstWindow = 500;
    const int Window = 5000;

    const int Orphan = -2;

    /// <summary>By which instances are told apart, the first that a resource has.</summary>
    static readonly string[] HostKeys =
        ["service.instance.id", "k8s.pod.name", "host.name", "container.id", "server.address", "net.host.ip"];

    static readonly string[] MachineKeys = ["host.name"];

    static readonly byte[] NewLine = "\n"u8.ToArray();

    readonly SpanTree _tree;
    readonly Dictionary<string, int> _texts = new(StringComparer.Ordinal);
    readonly TraceFacts _trace;

    public TraceOutline(IReadOnlyList<Span> spans)
    {
        _tree = SpanTree.Of(spans);
        _trace = new TraceFacts(spans);
    }

    public async Task WriteAsync(Stream output, TraceId id, TraceKept kept, CancellationToken cancellation)
    {
        var count = _tree.Nodes.Length;
        await LineAsync(new OutlineHead(id.ToString(), count,
            _trace.StartUnixNano.ToString(CultureInfo.InvariantCulture), _trace.DurationNanos, !_trace.IsDurationKnown,
            SearchAnswer.NameOf(kept.Reason), kept.Weight));
        for (var (from, size) = (0, FirstWindow); from < count; (from, size) = (from + size, Window))
            await LineAsync(WindowOf(_tree.Nodes.Slice(from, Math.Min(size, count - from))));

        async Task LineAsync<T>(T line)
        {
            await output.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(line, JsonSerializerOptions.Web), cancellation);
            await output.WriteAsync(NewLine, cancellation);
            await output.FlushAsync(cancellation);
        }
    }

    OutlineWindow WindowOf(ReadOnlySpan<SpanTree.Node> nodes)
    {
        var known = _texts.Count;
        var window = new OutlineWindow(nodes.Length);
        for (var i = 0; i < nodes.Length; i++)
        {
            var span = nodes[i].Span;
            window.Ids[i] = span.SpanId.ToString();
            window.Parents[i] = nodes[i].IsOrphan ? Orphan : nodes[i].Parent;
            window.Starts[i] = span.StartUnixNano == 0 ? null : (long)(span.StartUnixNano - _trace.StartUnixNano);
            window.Durations[i] = (long)(span.KnownDuration ?? 0);
            if (span.KnownDuration is null)
                window.Unknown.Add(i);
            if (span.IsInverted)
                window.Inverted.Add(i);
            window.Services[i] = TextOf(span.ServiceName);
            window.Names[i] = TextOf(span.Name);
            window.Hosts[i] = TextOf(FirstOf(span, HostKeys));
            window.Machines[i] = TextOf(FirstOf(span, MachineKeys));
            window.Kinds[i] = (int)span.Kind;
            window.Statuses[i] = (int)span.Status;
        }
        return window with { Texts = [.. _texts.Keys.Skip(known)] };
    }

    int TextOf(string text)
    {
        if (!_texts.TryGetValue(text, out var place))
            _texts.Add(text, place = _texts.Count);
        return place;
    }

    static string FirstOf(Span span, string[] keys)
    {
        foreach (var key in keys)
        {
            foreach (var attribute in span.Resource.Attributes)
            {
                if (attribute.Key == key)
                    return attribute.Value.ToString() ?? "";
            }
        }
        return "";
    }
}
