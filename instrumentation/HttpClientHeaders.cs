using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Tracing.Instrumentation;

/// <summary>
/// An <see cref="HttpClient"/> keeps the propagator that there was when it was made. To one that is older than the
/// tracer the headers are given by the event before it writes its own; it overwrites none. Only where its own would
/// differ, as the event costs an object a request.
/// </summary>
static class HttpClientHeaders
{
    const string Listener = "HttpHandlerDiagnosticListener";
    const string Started = "System.Net.Http.HttpRequestOut.Start";
    const string StartData = "System.Net.Http.DiagnosticsHandler+ActivityStartData, System.Net.Http";

    static readonly Type? StartDataType = Type.GetType(StartData);

    /// <summary>Null where the headers are those that a client writes anyway.</summary>
    public static EventListener? Listen(TracingOptions options, DistributedContextPropagator propagator)
    {
        if (StartDataType is null ||
            (options.Propagation == PropagationFormats.TraceContext && options.Sources.Contains("*")))
            return null;
        var isW3C = (options.Propagation & PropagationFormats.TraceContext) != 0;
        return new EventListener(Listener, static name => name == Started, (_, payload) =>
        {
            if (payload.GetType() != StartDataType)
                return;
            var request = GetRequest(payload);
            // an old client adds traceparent with the span of HTTP, which therefore has to be reported
            if (isW3C || !Conventions.IsGrpc(request))
                propagator.Inject(Activity.Current, request, Add);
        });
    }

    static void Add(object? carrier, string name, string value)
    {
        var headers = ((HttpRequestMessage)carrier!).Headers;
        if (!headers.NonValidated.Contains(name))
            headers.TryAddWithoutValidation(name, value);
    }

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_Request")]
    static extern HttpRequestMessage GetRequest([UnsafeAccessorType(StartData)] object data);
}
