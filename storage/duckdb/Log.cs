using Microsoft.Extensions.Logging;
using Tracing.Model;

namespace Tracing.Storage.DuckDb;

static partial class Log
{
    [LoggerMessage(1, LogLevel.Information,
        "Opened the store {Folder} ({Partitions} partitions, {Spans} spans, {Services} services)")]
    public static partial void Opened(this ILogger logger, string folder, int partitions, long spans, int services);

    [LoggerMessage(2, LogLevel.Warning,
        "Writing {Batches} batches in one transaction failed; each is tried in a transaction of its own")]
    public static partial void GroupFailed(this ILogger logger, Exception exception, int batches);

    [LoggerMessage(3, LogLevel.Error, "A batch of {Spans} spans could not be stored")]
    public static partial void BatchFailed(this ILogger logger, Exception exception, int spans);

    [LoggerMessage(4, LogLevel.Critical, "The writer has stopped; nothing can be stored until a restart")]
    public static partial void WriterStopped(this ILogger logger, Exception exception);

    [LoggerMessage(5, LogLevel.Information, "Closed the store {Folder}")]
    public static partial void Closed(this ILogger logger, string folder);

    [LoggerMessage(6, LogLevel.Error,
        "{File} is damaged; it is now {Aside}, and its spans are not served. Restore it from a copy, or delete it")]
    public static partial void Damaged(this ILogger logger, Exception exception, string file, string aside);

    [LoggerMessage(7, LogLevel.Information, "Sealed {File}: {Spans} spans in {Bytes} bytes, {Seconds:0.0} s")]
    public static partial void Sealed(this ILogger logger, string file, long spans, long bytes, double seconds);

    [LoggerMessage(8, LogLevel.Error,
        "Sealing {File} failed; its spans are still served, and it is tried again with the next one")]
    public static partial void SealingFailed(this ILogger logger, Exception exception, string file);

    [LoggerMessage(9, LogLevel.Error, "A new partition could not be begun; {File} takes more spans meanwhile")]
    public static partial void BeginningFailed(this ILogger logger, Exception exception, string file);

    [LoggerMessage(11, LogLevel.Warning, "Opening the store {Folder} again, without what is damaged")]
    public static partial void OpeningAgain(this ILogger logger, string folder);

    [LoggerMessage(12, LogLevel.Critical,
        "The store {Folder} cannot go on and is opened again; until then spans and queries are refused")]
    public static partial void Reopening(this ILogger logger, Exception exception, string folder);

    [LoggerMessage(13, LogLevel.Critical,
        "The store {Folder} could not be opened again, which is tried every {Period}; spans and queries are refused")]
    public static partial void ReopeningFailed(
        this ILogger logger, Exception exception, string folder, TimeSpan period);

    [LoggerMessage(14, LogLevel.Warning,
        "The spans of these damaged files are not served: {Files}. Restore them from a copy, or delete them")]
    public static partial void DamagedFiles(this ILogger logger, string files);

    [LoggerMessage(10, LogLevel.Warning, "{File} is no longer needed but could not be deleted")]
    public static partial void NotDeleted(this ILogger logger, Exception exception, string file);

    [LoggerMessage(20, LogLevel.Information, "Dropped {File}: {Spans} spans in {Bytes} bytes, as {Reason}")]
    public static partial void Dropped(this ILogger logger, string file, long spans, long bytes, string reason);

    [LoggerMessage(21, LogLevel.Error, "Dropping and merging old partitions failed; it is tried again in a minute")]
    public static partial void UpkeepFailed(this ILogger logger, Exception exception);

    [LoggerMessage(23, LogLevel.Warning,
        "The statistics of {Partitions} merged partitions up to {File} are lost: their spans are served, not counted")]
    public static partial void StatisticsLost(this ILogger logger, int partitions, string file);

    [LoggerMessage(24, LogLevel.Error,
        "Counting what is stored failed; statistics are not served until the next start")]
    public static partial void CountingFailed(this ILogger logger, Exception exception);

    [LoggerMessage(25, LogLevel.Error, "The span {SpanId} of trace {TraceId} is stored but cannot be counted in " +
        "statistics; others like it are named once a minute at most")]
    public static partial void NotCounted(
        this ILogger logger, Exception exception, TraceId traceId, SpanId spanId);

    [LoggerMessage(22, LogLevel.Information,
        "Merged {Partitions} partitions into {File}: {Kept} of {Spans} spans in {Bytes} bytes, {Seconds:0.0} s")]
    public static partial void Merged(
        this ILogger logger, string file, int partitions, long spans, long kept, long bytes, double seconds);

    [LoggerMessage(25, LogLevel.Error, "{Loss}")]
    public static partial void Lost(this ILogger logger, string loss);

    [LoggerMessage(26, LogLevel.Error,
        "{File} could not be written, and says what was before; it is tried again with the next change")]
    public static partial void ManifestNotWritten(this ILogger logger, Exception exception, string file);

    [LoggerMessage(27, LogLevel.Warning, "{Reason} It is left as it is; move it out of the store's folder")]
    public static partial void Foreign(this ILogger logger, string reason);

    [LoggerMessage(28, LogLevel.Warning, "{Doubt}")]
    public static partial void ClockDoubted(this ILogger logger, string doubt);

    [LoggerMessage(29, LogLevel.Information, "The clock is believed again, at {Now:u}")]
    public static partial void ClockBelieved(this ILogger logger, DateTimeOffset now);

    [LoggerMessage(30, LogLevel.Warning, "{Reason}")]
    public static partial void Held(this ILogger logger, string reason);
}
