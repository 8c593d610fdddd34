using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Tracing.Server;

/// <param name="Protocols">
/// Formats and transports in which spans are taken there, such as otlp/grpc; none where they are not.
/// </param>
sealed record PortState(int Port, IReadOnlyList<string> Protocols);

/// <summary>The ports that this process listens at, whatever was left closed or to the system to choose.</summary>
sealed class OpenPorts(ServerOptions options)
{
    readonly List<(Door Door, ListenOptions Listen)> _ports = [];

    public void Add(Door door, ListenOptions listen) => _ports.Add((door, listen));

    /// <summary>Once the server listens; a port of 0 has become the one that was free.</summary>
    public IReadOnlyList<PortState> State => [.. _ports.Select(each =>
        new PortState(each.Listen.IPEndPoint?.Port ?? 0, ProtocolsOf(each.Door)))];

    IReadOnlyList<string> ProtocolsOf(Door door) => door switch
    {
        Door.Main when options.Collector.HttpEnabled => ["zipkin/http", "otlp/http"],
        Door.OtlpHttp when options.Collector.HttpEnabled => ["otlp/http"],
        Door.Grpc when options.Collector.GrpcEnabled => ["otlp/grpc", "zipkin/grpc"],
        _ => [],
    };
}
