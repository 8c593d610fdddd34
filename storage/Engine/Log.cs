using Microsoft.Extensions.Logging;
using Tracing.Model;

namespace Tracing.Storage.Engine;

static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Opened {Place}")]
    public static partial void Opened(this ILogger logger, string place);

    [LoggerMessage(4, LogLevel.Warning,
        "Writing {Batches} batches as one group failed; each is tried in a group of its own")]
    public static partial void GroupFailed(this ILogger logger, Exception exception, int batches);

    [LoggerMessage(5, LogLevel.Error, "A batch of {Spans} spans could not be stored")]
    public static partial void BatchFailed(this ILogger logger, Exception exception, int spans);

    [LoggerMessage(6, LogLevel.Warning, "A write failed; trying again until it succeeds: {Reason}")]
    public static partial void WritingAgain(this ILogger logger, string reason);

    [LoggerMessage(7, LogLevel.Information, "Writes succeed again")]
    public static partial void Writes(this ILogger logger);

    [LoggerMessage(8, LogLevel.Critical, "The writer has stopped; nothing can be stored until a restart")]
    public static partial void WriterStopped(this ILogger logger, Exception exception);

    [LoggerMessage(9, LogLevel.Warning, "Counting what is stored failed; it is tried again: {Reason}")]
    public static partial void CountingFailed(this ILogger logger, string reason);

    [LoggerMessage(10, LogLevel.Information, "Closed {Place}")]
    public static partial void Closed(this ILogger logger, string place);

    [LoggerMessage(11, LogLevel.Warning, "A group was taken over by another collector, and is written anew")]
    public static partial void TakenOver(this ILogger logger);

    [LoggerMessage(12, LogLevel.Information, "Of what was stored from {Time} on for 5 minutes, {Kept} of {Traces} " +
        "traces are kept")]
    public static partial void ThinnedOut(this ILogger logger, DateTimeOffset time, int kept, int traces);

    [LoggerMessage(13, LogLevel.Warning, "Compaction failed; it is tried again: {Reason}")]
    public static partial void CompactionFailed(this ILogger logger, string reason);

    [LoggerMessage(15, LogLevel.Error, "The span {SpanId} of trace {TraceId} is stored but cannot be counted in " +
        "statistics; others like it are named once a minute at most")]
    public static partial void NotCounted(
        this ILogger logger, Exception exception, TraceId traceId, SpanId spanId);

    [LoggerMessage(16, LogLevel.Warning, "The spans of the last minutes could not be read; those that are sent again " +
        "count twice until they are added up: {Reason}")]
    public static partial void RecallFailed(this ILogger logger, string reason);

    [LoggerMessage(17, LogLevel.Warning, "{Doubt}")]
    public static partial void ClockDoubted(this ILogger logger, string doubt);
}
