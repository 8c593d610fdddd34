using Grpc.Core;
using Grpc.Net.Client;

namespace Tracing.Hops;

/// <summary>The next service, if there is one.</summary>
sealed class Next(HttpClient client, string? address, bool isGrpc)
{
    readonly Hop.HopClient? _grpc = isGrpc && address is not null
        ? new Hop.HopClient(GrpcChannel.ForAddress(address))
        : null;

    readonly Uri? _http = address is null ? null : new Uri(new Uri(address), "/hop");

    /// <summary>The names of those behind it.</summary>
    public async Task<string> GoAsync() =>
        _grpc is not null ? (await _grpc.GoAsync(new HopRequest())).Path
        : _http is not null ? await client.GetStringAsync(_http)
        : "";
}

/// <summary>The same over gRPC.</summary>
sealed class HopService(Next next) : Hop.HopBase
{
    public override async Task<HopReply> Go(HopRequest request, ServerCallContext context) =>
        new() { Path = await next.GoAsync() };
}
