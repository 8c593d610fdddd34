using Microsoft.Extensions.Logging;

namespace Tracing.Instrumentation;

static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "The {What} cannot be sent to {Endpoint} and wait: {Problem}")]
    public static partial void Failing(ILogger logger, string what, Uri endpoint, string problem);

    [LoggerMessage(2, LogLevel.Information, "The {What} are sent to {Endpoint} again")]
    public static partial void Recovered(ILogger logger, string what, Uri endpoint);

    [LoggerMessage(3, LogLevel.Warning, "A span \"{Name}\" could not be written; of others like it nothing is said")]
    public static partial void Unreadable(ILogger logger, string name, Exception exception);

    [LoggerMessage(4, LogLevel.Warning,
        "The {What} sent to {Endpoint} are refused and dropped: {Problem}; of others like them nothing is said")]
    public static partial void Refused(ILogger logger, string what, Uri endpoint, string problem);

    [LoggerMessage(5, LogLevel.Warning,
        "{Count} of the {What} sent to {Endpoint} are rejected: {Reason}; of others like them nothing is said")]
    public static partial void Rejected(ILogger logger, long count, string what, Uri endpoint, string reason);

    [LoggerMessage(6, LogLevel.Warning,
        "The oldest {What} that wait to be sent are dropped, as they take more than {Bytes} bytes (MaxBufferBytes)")]
    public static partial void NoRoom(ILogger logger, string what, int bytes);

    [LoggerMessage(7, LogLevel.Warning, "The {What} that could not be sent for {Minutes} minutes are dropped")]
    public static partial void TooOld(ILogger logger, string what, double minutes);

    [LoggerMessage(8, LogLevel.Warning,
        "Spans are dropped, as they end faster than they can be written; of others like them nothing is said")]
    public static partial void TooMany(ILogger logger);

    [LoggerMessage(9, LogLevel.Warning, "{Spans} spans were not sent to {Endpoint} before the stop and are dropped")]
    public static partial void LostAtStop(ILogger logger, long spans, Uri endpoint);

    [LoggerMessage(10, LogLevel.Warning,
        "Spans could not be written before the stop: an object that is a tag's value does not return")]
    public static partial void Stuck(ILogger logger);

    [LoggerMessage(11, LogLevel.Warning, "{Problem}")]
    public static partial void Ignored(ILogger logger, string problem);

    [LoggerMessage(12, LogLevel.Information,
        "A caller says that its trace is not recorded, so it is not recorded here either. If callers are not traced, " +
        "set CallerDecisions to KeepSampled")]
    public static partial void Unsampled(ILogger logger);
}
