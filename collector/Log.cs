using Microsoft.Extensions.Logging;

namespace Tracing.Collector;

static partial class Log
{
    [LoggerMessage(1, LogLevel.Error, "What was sent could not be stored; the sender was told to send it again")]
    public static partial void StoreFailed(ILogger logger, Exception exception);
}
