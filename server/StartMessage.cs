using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace Tracing.Server;

/// <summary>Says where the server can be reached once it listens.</summary>
sealed partial class StartMessage(
    IServer server, IHostApplicationLifetime lifetime, ServerOptions options, ILogger<StartMessage> log)
    : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        lifetime.ApplicationStarted.Register(() =>
        {
            var addresses = server.Features.Get<IServerAddressesFeature>()?.Addresses ?? [];
            Listening(log, string.Join(", ", addresses), options.Storage.Kind == StorageKind.Cassandra
                ? $"the keyspace {options.Storage.Cassandra.Keyspace}"
                : Path.GetFullPath(options.Storage.Path));
        });
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(1, LogLevel.Information, "Ready at {Addresses}; spans are kept in {Place}")]
    static partial void Listening(ILogger logger, string addresses, string place);
}
