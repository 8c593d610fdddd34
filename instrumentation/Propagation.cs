using System.Diagnostics;

namespace Tracing.Instrumentation;

/// <summary>
/// Takes one field of a carrier; null if it has none. A field that came several times is joined by commas.
/// </summary>
public delegate string? ReadField<in TCarrier>(TCarrier carrier, string name);

/// <summary>Sets one field of a carrier.</summary>
public delegate void WriteField<in TCarrier>(TCarrier carrier, string name, string value);

/// <summary>What came with a request.</summary>
/// <param name="Context">The caller's span, to be given to <c>StartActivity</c>; <c>default</c> if none came.</param>
/// <param name="Baggage">Keys and values; null if none came.</param>
public readonly record struct Extracted(ActivityContext Context, IReadOnlyList<KeyValuePair<string, string?>>? Baggage);

/// <summary>
/// Carries the context of a trace over whatever carries a request: the headers of a queue's message, Thrift's, a job's
/// fields. HTTP and gRPC need none of it, as ASP.NET Core and HttpClient do the same on their own.
/// <para>
/// Names are as HTTP's. W3C's headers are read first, then B3's. What is not well formed is as if it had not come.
/// </para>
/// </summary>
public static class Propagation
{
    /// <summary>
    /// Writes a span's context and baggage, so that what is called becomes its child. For an activity that the running
    /// tracer does not report, those of the nearest span above it. What no header can carry is left out.
    /// </summary>
    /// <param name="span">Null for none, which writes nothing.</param>
    /// <param name="carrier">What <paramref name="write"/> is given.</param>
    /// <param name="write">A static lambda costs nothing.</param>
    /// <param name="formats">Which headers. Default: <see cref="PropagationFormats.TraceContext"/>.</param>
    public static void Inject<TCarrier>(Activity? span, TCarrier carrier, WriteField<TCarrier> write,
        PropagationFormats formats = PropagationFormats.TraceContext)
    {
        ArgumentNullException.ThrowIfNull(write);
        if (span is null)
            return;
        var seen = span;
        Activity? top = null;
        if (SourceNames.Running is { } sources)
            seen = sources.Nearest(span, out top);
        if (seen is not null)
            WriteSpan(seen, carrier, write, formats);
        else if (top is not null && top.ParentSpanId != default)
            WriteCaller(top, carrier, write, formats);
        if (Baggage.Write(span.Baggage) is { } baggage)
            write(carrier, Baggage.Header, baggage);
    }

    static void WriteSpan<TCarrier>(
        Activity span, TCarrier carrier, WriteField<TCarrier> write, PropagationFormats formats)
    {
        if (span.IdFormat != ActivityIdFormat.W3C)
            return;
        var ids = new B3.Ids(span.TraceId, span.SpanId, span.ParentSpanId, span.Recorded, span.TraceStateString);
        if ((formats & PropagationFormats.TraceContext) != 0)
            WriteTraceContext(span.Id!, span.TraceStateString, carrier, write);
        WriteB3(ids, carrier, write, formats);
    }

    /// <summary>Nothing of this process is recorded: the callee becomes a child of the caller.</summary>
    static void WriteCaller<TCarrier>(
        Activity top, TCarrier carrier, WriteField<TCarrier> write, PropagationFormats formats)
    {
        var context = new ActivityContext(
            top.TraceId, top.ParentSpanId, top.ActivityTraceFlags & ActivityTraceFlags.Recorded);
        if ((formats & PropagationFormats.TraceContext) != 0)
            WriteTraceContext(W3CTraceContext.Write(context), top.TraceStateString, carrier, write);
        WriteB3(new B3.Ids(top.TraceId, top.ParentSpanId, default, top.Recorded, top.TraceStateString),
            carrier, write, formats);
    }

    static void WriteTraceContext<TCarrier>(
        string parent, string? state, TCarrier carrier, WriteField<TCarrier> write)
    {
        write(carrier, W3CTraceContext.TraceParent, parent);
        if (W3CTraceContext.Sendable(state) is { } sendable)
            write(carrier, W3CTraceContext.TraceState, sendable);
    }

    static void WriteB3<TCarrier>(
        in B3.Ids ids, TCarrier carrier, WriteField<TCarrier> write, PropagationFormats formats)
    {
        if ((formats & PropagationFormats.B3Single) != 0)
            write(carrier, B3.Single, B3.WriteSingle(ids));
        if ((formats & PropagationFormats.B3Multi) != 0)
            WriteB3Multi(ids, carrier, write);
    }

    /// <summary>Reads the context and baggage that came with a request.</summary>
    /// <param name="carrier">What <paramref name="read"/> is given.</param>
    /// <param name="read">A static lambda costs nothing.</param>
    public static Extracted Extract<TCarrier>(TCarrier carrier, ReadField<TCarrier> read)
    {
        ArgumentNullException.ThrowIfNull(read);
        var parent = W3CTraceContext.Normalize(read(carrier, W3CTraceContext.TraceParent));
        return new Extracted(
            parent is null ? ReadB3(carrier, read) ?? default
                : W3CTraceContext.ToContext(parent, ReadState(carrier, read)),
            Baggage.Read(read(carrier, Baggage.Header)));
    }

    /// <summary>The caller as a traceparent of version 00, and its trace state.</summary>
    internal static (string? Parent, string? State) ReadParent<TCarrier>(TCarrier carrier, ReadField<TCarrier> read)
    {
        if (W3CTraceContext.Normalize(read(carrier, W3CTraceContext.TraceParent)) is { } parent)
            return (parent, ReadState(carrier, read));
        return ReadB3(carrier, read) is { } context
            ? (W3CTraceContext.Write(context), context.TraceState)
            : (null, null);
    }

    static string? ReadState<TCarrier>(TCarrier carrier, ReadField<TCarrier> read) =>
        W3CTraceContext.NormalizeState(read(carrier, W3CTraceContext.TraceState));

    static ActivityContext? ReadB3<TCarrier>(TCarrier carrier, ReadField<TCarrier> read)
    {
        var context = read(carrier, B3.Single) is { } single ? B3.ReadSingle(single) : null;
        return context ?? B3.ReadMulti(read(carrier, B3.TraceId), read(carrier, B3.SpanId),
            read(carrier, B3.Sampled), read(carrier, B3.Flags));
    }

    static void WriteB3Multi<TCarrier>(in B3.Ids ids, TCarrier carrier, WriteField<TCarrier> write)
    {
        write(carrier, B3.TraceId, B3.TraceIdOf(ids));
        write(carrier, B3.SpanId, ids.SpanId.ToHexString());
        if (ids.ParentSpanId != default)
            write(carrier, B3.ParentSpanId, ids.ParentSpanId.ToHexString());
        if (B3.IsDebug(ids))
            write(carrier, B3.Flags, "1");
        else
            write(carrier, B3.Sampled, ids.Recorded ? "1" : "0");
    }
}

/// <summary>How ASP.NET Core, HttpClient and gRPC carry contexts while a tracer runs.</summary>
sealed class HeaderPropagator(PropagationFormats formats) : DistributedContextPropagator
{
    public override IReadOnlyCollection<string> Fields { get; } =
    [
        W3CTraceContext.TraceParent, W3CTraceContext.TraceState, Baggage.Header,
        B3.Single, B3.TraceId, B3.SpanId, B3.ParentSpanId, B3.Sampled, B3.Flags,
    ];

    public override void Inject(Activity? activity, object? carrier, PropagatorSetterCallback? setter)
    {
        if (setter is null)
            return;
        var span = carrier is HttpRequestMessage request ? Conventions.CallOf(activity, request) : activity;
        Propagation.Inject(
            span, (carrier, setter), static (to, name, value) => to.setter(to.carrier, name, value), formats);
    }

    public override void ExtractTraceIdAndState(
        object? carrier, PropagatorGetterCallback? getter, out string? traceId, out string? traceState) =>
        (traceId, traceState) = getter is null ? (null, null) : Propagation.ReadParent((carrier, getter), Read);

    public override IEnumerable<KeyValuePair<string, string?>>? ExtractBaggage(
        object? carrier, PropagatorGetterCallback? getter) =>
        getter is null ? null : Reversed(Baggage.Read(Read((carrier, getter), Baggage.Header)));

    /// <summary>ASP.NET Core adds each in front of the others.</summary>
    static List<KeyValuePair<string, string?>>? Reversed(List<KeyValuePair<string, string?>>? entries)
    {
        entries?.Reverse();
        return entries;
    }

    static string? Read((object? Carrier, PropagatorGetterCallback Get) from, string name)
    {
        from.Get(from.Carrier, name, out var value, out var values);
        if (values is null)
            return value;
        // headers that may come once come several times: not well formed
        return string.Join(',', values);
    }
}
