using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Tracing.Instrumentation;

/// <summary>
/// Whom a call of gRPC asks: its span does not say, but the event of its start has the request. HttpClient's span has
/// it too, but there is none if no connection was made.
/// </summary>
static class GrpcCalls
{
    const string Call = "Grpc.Net.Client.GrpcOut";
    const string Started = "Grpc.Net.Client.GrpcOut.Start";
    const string StartData = "Grpc.Net.Client.Internal.GrpcCall+ActivityStartData, Grpc.Net.Client";

    static readonly Type? StartDataType = Type.GetType(StartData);

    /// <summary>Null in a process without gRPC.</summary>
    public static EventListener? Listen() => StartDataType is null ? null
        : new EventListener(Conventions.GrpcClientSource, IsWanted, static (_, payload) => OnStarted(payload));

    /// <summary>The events cost two objects a call, and of a trace that is not recorded nobody asks.</summary>
    static bool IsWanted(string name) => name is Call or Started && Activity.Current is not { Recorded: false };

    static void OnStarted(object payload)
    {
        if (Activity.Current is not { IsAllDataRequested: true } call ||
            call.Source.Name != Conventions.GrpcClientSource || payload.GetType() != StartDataType ||
            GetRequest(payload).RequestUri is not { IsAbsoluteUri: true, Host.Length: > 0 } address)
            return;
        call.SetTag(Conventions.ServerAddress, address.IdnHost);
        if (address.Port >= 0)
            call.SetTag(Conventions.ServerPort, address.Port);
    }

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_Request")]
    static extern HttpRequestMessage GetRequest([UnsafeAccessorType(StartData)] object data);
}
