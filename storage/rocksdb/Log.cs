using Microsoft.Extensions.Logging;

namespace Tracing.Storage.RocksDb;

static partial class Log
{
    [LoggerMessage(1, LogLevel.Information,
        "The oldest spans were dropped: {Path} took {Before} bytes, and takes {After}")]
    public static partial void Shrunk(this ILogger logger, string path, long before, long after);
}
