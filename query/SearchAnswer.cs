using System.Globalization;
using System.Text.Json.Serialization;
using Tracing.Model;
using Tracing.Storage;

namespace Tracing.Query;

/// <summary>
/// A page of a search as JSON. Instants are texts, as in OTLP, for they exceed what JavaScript's numbers hold.
/// </summary>
/// <param name="Next">The cursor of the next page; null when this is the last.</param>
sealed record SearchAnswer(IReadOnlyList<SearchAnswer.Trace> Traces, string? Next)
{
    /// <param name="TraceId">32 lower-case hex digits.</param>
    /// <param name="RootService">Of the root, as is the name.</param>
    /// <param name="IsRootMissing">
    /// Present when no root is stored: the topmost span stands for it, while to a filter rootName is nil.
    /// </param>
    /// <param name="StartUnixNano">Nanoseconds since 1970.</param>
    /// <param name="IsDurationUnknown">Present when no span says how long it took.</param>
    /// <param name="Kept">Why it is still stored: all, error, slow, rare, debug, exemplar or baseline.</param>
    /// <param name="Weight">For how many stored traces it stands.</param>
    /// <param name="MatchCount">How many spans match; the first of them are listed.</param>
    public sealed record Trace(
        string TraceId, string? RootService, string? RootName,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool IsRootMissing,
        string StartUnixNano, long DurationNanos,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool IsDurationUnknown,
        int SpanCount, int ErrorCount, string Kept, double Weight,
        IReadOnlyList<ServiceCount> Services, int MatchCount, IReadOnlyList<MatchingSpan> Spans);

    /// <param name="SpanId">16 lower-case hex digits.</param>
    /// <param name="DurationNanos">0 when it is unknown, or the span ended before it started.</param>
    /// <param name="IsDurationUnknown">Present when it does not say how long it took.</param>
    /// <param name="IsInverted">Present when it says that it ended before it started.</param>
    /// <param name="Status">unset, ok or error.</param>
    /// <param name="Kind">unspecified, internal, server, client, producer or consumer.</param>
    public sealed record MatchingSpan(
        string SpanId, string Name, string Service, string StartUnixNano, long DurationNanos,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool IsDurationUnknown,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool IsInverted,
        string Status, string Kind);

    public static SearchAnswer Of(SearchPage page) =>
        new([.. page.Traces.Select(Of)], page.Next?.ToString());

    static Trace Of(FoundTrace trace) => new(
        trace.TraceId.ToString(), trace.RootService, trace.RootName, trace.IsRootMissing, Text(trace.StartUnixNano),
        trace.DurationNanos, !trace.IsDurationKnown, trace.SpanCount, trace.ErrorCount, NameOf(trace.Kept.Reason),
        trace.Kept.Weight, trace.Services,
        trace.MatchCount, [.. trace.Spans.Select(Of)]);

    /// <summary>The name of a reason, as answers have it.</summary>
    public static string NameOf(KeptReason reason) => reason.ToString().ToLowerInvariant();

    static MatchingSpan Of(Span span) => new(
        span.SpanId.ToString(), span.Name, span.ServiceName, Text(span.StartUnixNano),
        (long)(span.KnownDuration ?? 0), span.KnownDuration is null, span.IsInverted,
        span.Status.ToString().ToLowerInvariant(), span.Kind.ToString().ToLowerInvariant());

    static string Text(ulong nanos) => nanos.ToString(CultureInfo.InvariantCulture);
}
