using Microsoft.Extensions.Logging;

namespace Tracing.Instrumentation;

static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "Spans cannot be sent to {Endpoint} and wait: {Problem}")]
    public static partial void Failing(ILogger logger, Uri endpoint, string problem);

    [LoggerMessage(2, LogLevel.Information, "Spans are sent to {Endpoint} again")]
    public static partial void Recovered(ILogger logger, Uri endpoint);

    [LoggerMessage(3, LogLevel.Warning, "A span \"{Name}\" could not be written; of others like it nothing is said")]
    public static partial void Unreadable(ILogger logger, string name, Exception exception);
}
