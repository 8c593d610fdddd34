using System.Buffers;
using System.Diagnostics;

namespace Tracing.Instrumentation;

/// <summary>
/// Zipkin's headers ("openzipkin/b3-propagation"). What a context cannot say goes into a member of the trace state,
/// <c>b3</c>: the letter d for a trace that somebody debugs, u for one not decided upon.
/// </summary>
static class B3
{
    public const string Single = "b3";
    public const string TraceId = "X-B3-TraceId";
    public const string SpanId = "X-B3-SpanId";
    public const string Sampled = "X-B3-Sampled";
    public const string Flags = "X-B3-Flags";
    public const string ParentSpanId = "X-B3-ParentSpanId";

    public const string DebugState = "b3=d";
    public const string UndecidedState = "b3=u";

    static readonly SearchValues<char> Hex = SearchValues.Create("0123456789abcdefABCDEF");

    /// <summary>Reads <c>b3</c>; null if it is not well formed.</summary>
    public static ActivityContext? ReadSingle(string header)
    {
        var text = header.AsSpan().Trim(' ');
        if (text.Length == 1)
            return WithoutIds(text[0]);
        var traceIdLength = text.IndexOf('-');
        if (traceIdLength is not (16 or 32) || text.Length < traceIdLength + 17)
            return null;
        var traceId = text[..traceIdLength];
        var spanId = text[(traceIdLength + 1)..(traceIdLength + 17)];
        var rest = text[(traceIdLength + 17)..];
        if (rest.Length == 0)
            return WithIds(traceId, spanId, null);
        // "-1", "-1-" and the parent's id, which nothing here needs
        return rest.Length is 2 or 19 && rest[0] == '-' && rest[1] is '0' or '1' or 'd' &&
            (rest.Length == 2 || (rest[2] == '-' && IsHex(rest[3..])))
            ? WithIds(traceId, spanId, rest[1])
            : null;
    }

    /// <summary>Reads <c>X-B3-TraceId</c> and so on; null if they are not well formed.</summary>
    public static ActivityContext? ReadMulti(
        string? traceId, string? spanId, string? sampled, string? flags)
    {
        char? decision = flags == "1" ? 'd' : sampled switch
        {
            "1" or "true" or "True" => '1',
            "0" or "false" or "False" => '0',
            null => null,
            _ => '?',
        };
        if (decision == '?')
            return null;
        if (traceId is null && spanId is null)
            return decision is null ? null : WithoutIds(decision.Value);
        return traceId is { Length: 16 or 32 } && spanId is { Length: 16 } ? WithIds(traceId, spanId, decision) : null;
    }

    public static string WriteSingle(in Ids ids) =>
        string.Concat(TraceIdOf(ids), "-", ids.SpanId.ToHexString(), IsDebug(ids) ? "-d" : ids.Recorded ? "-1" : "-0");

    /// <summary>16 digits if that was the trace's id where it began.</summary>
    public static string TraceIdOf(in Ids ids)
    {
        var id = ids.TraceId.ToHexString();
        return id.StartsWith("0000000000000000", StringComparison.Ordinal) ? id[16..] : id;
    }

    public static bool IsDebug(in Ids ids) =>
        ids.State is { Length: > 0 } state && state.Contains(DebugState, StringComparison.Ordinal);

    /// <summary>
    /// A decision for a trace that is yet to begin. There is no place for one without ids, so that they are made here;
    /// the first span then has a parent that nobody has seen.
    /// </summary>
    static ActivityContext? WithoutIds(char decision) => decision is '0' or '1' or 'd'
        ? Context(ActivityTraceId.CreateRandom(), ActivitySpanId.CreateRandom(), decision)
        : null;

    static ActivityContext? WithIds(ReadOnlySpan<char> traceId, ReadOnlySpan<char> spanId, char? decision)
    {
        if (!IsHex(traceId) || !IsHex(spanId) || !traceId.ContainsAnyExcept('0') || !spanId.ContainsAnyExcept('0'))
            return null;
        Span<char> ids = stackalloc char[48];
        ids[..16].Fill('0');
        traceId.ToLowerInvariant(ids[(32 - traceId.Length)..]);
        spanId.ToLowerInvariant(ids[32..]);
        return Context(
            ActivityTraceId.CreateFromString(ids[..32]), ActivitySpanId.CreateFromString(ids[32..]), decision);
    }

    static ActivityContext Context(ActivityTraceId traceId, ActivitySpanId spanId, char? decision) => new(
        traceId, spanId, decision is '1' or 'd' ? ActivityTraceFlags.Recorded : ActivityTraceFlags.None,
        decision switch { null => UndecidedState, 'd' => DebugState, _ => null }, isRemote: true);

    /// <summary>Of either case, as old clients write.</summary>
    static bool IsHex(ReadOnlySpan<char> text) => !text.ContainsAnyExcept(Hex);

    /// <summary>What the headers say of a span.</summary>
    /// <param name="ParentSpanId">Default for none, or where it is not known.</param>
    public readonly record struct Ids(
        ActivityTraceId TraceId, ActivitySpanId SpanId, ActivitySpanId ParentSpanId, bool Recorded, string? State);
}
