using Microsoft.Extensions.Logging;

namespace Tracing.Collector;

static partial class Log
{
    [LoggerMessage(1, LogLevel.Error, "What was sent could not be stored; the sender was told to send it again " +
        "({Suppressed} more of this kind since it was last logged)")]
    public static partial void StoreFailed(ILogger logger, int suppressed, Exception exception);

    [LoggerMessage(4, LogLevel.Error, "A request failed by an error in the server; the sender was told not to send " +
        "it again ({Suppressed} more of this kind since it was last logged)")]
    public static partial void IntakeFailed(ILogger logger, int suppressed, Exception exception);

    [LoggerMessage(5, LogLevel.Warning, "{Rejected} spans of a request in a Zipkin format were rejected: {Reason} " +
        "({Suppressed} more such requests since this was last logged)")]
    public static partial void SpansRejected(ILogger logger, int rejected, string? reason, int suppressed);

    [LoggerMessage(2, LogLevel.Error, "Sampling strategies in {File} cannot be used, those of before stay: {Problem}")]
    public static partial void StrategiesUnusable(ILogger logger, string file, string problem);

    [LoggerMessage(3, LogLevel.Warning, "Rates of traces could not be shared; sampling probabilities stay as they are")]
    public static partial void SamplingNotShared(ILogger logger, Exception exception);
}
