using Microsoft.Extensions.Logging;

namespace Tracing.Storage.DuckDb;

static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Opened the store {File} ({Services} services)")]
    public static partial void Opened(this ILogger logger, string file, int services);

    [LoggerMessage(2, LogLevel.Warning,
        "Writing {Batches} batches in one transaction failed; each is tried in a transaction of its own")]
    public static partial void GroupFailed(this ILogger logger, Exception exception, int batches);

    [LoggerMessage(3, LogLevel.Error, "A batch of {Spans} spans could not be stored")]
    public static partial void BatchFailed(this ILogger logger, Exception exception, int spans);

    [LoggerMessage(4, LogLevel.Critical, "The writer has stopped; nothing can be stored until a restart")]
    public static partial void WriterStopped(this ILogger logger, Exception exception);

    [LoggerMessage(5, LogLevel.Information, "Closed the store {File}")]
    public static partial void Closed(this ILogger logger, string file);
}
