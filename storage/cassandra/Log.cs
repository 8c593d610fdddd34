using Microsoft.Extensions.Logging;

namespace Tracing.Storage.Cassandra;

static partial class Log
{
    [LoggerMessage(2, LogLevel.Warning,
        "Cassandra does not answer at {ContactPoints}; trying again in {Seconds} s: {Reason}")]
    public static partial void Waiting(this ILogger logger, string contactPoints, double seconds, string reason);

    [LoggerMessage(3, LogLevel.Information, "Making the keyspace {Keyspace} with replication {Replication}")]
    public static partial void MakingSchema(this ILogger logger, string keyspace, string replication);
}
