using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Tracing.Server;

/// <summary>What a port is for.</summary>
enum Listener
{
    Main,
    OtlpHttp,
    Grpc,
    Sampling,
}

/// <param name="Protocols">
/// Formats and transports in which spans are taken there, such as otlp/grpc; none where they are not.
/// </param>
sealed record PortState(int Port, IReadOnlyList<string> Protocols);

/// <summary>The ports that this process listens at, whatever was left closed or to the system to choose.</summary>
sealed class OpenPorts(ServerOptions options)
{
    readonly List<(Listener Listener, ListenOptions Listen)> _ports = [];

    public void Add(Listener listener, ListenOptions listen) => _ports.Add((listener, listen));

    /// <summary>Once the server listens; a port of 0 has become the one that was free.</summary>
    public IReadOnlyList<PortState> State => [.. _ports.Select(each =>
        new PortState(each.Listen.IPEndPoint?.Port ?? 0, ProtocolsOf(each.Listener)))];

    IReadOnlyList<string> ProtocolsOf(Listener listener) => listener switch
    {
        Listener.Main when options.Collector.HttpEnabled => ["zipkin/http", "otlp/http"],
        Listener.OtlpHttp when options.Collector.HttpEnabled => ["otlp/http"],
        Listener.Grpc when options.Collector.GrpcEnabled => ["otlp/grpc", "zipkin/grpc"],
        _ => [],
    };
}
