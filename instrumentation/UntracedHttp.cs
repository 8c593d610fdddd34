namespace Tracing.Instrumentation;

/// <summary>For what this library sends itself: traced, every report would make one more.</summary>
static class UntracedHttp
{
    /// <summary>Longer than a busy server takes, shorter than people wait for a process to stop.</summary>
    static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    public static HttpClient Client() => new(new SocketsHttpHandler
    {
        ActivityHeadersPropagator = null,
        ConnectTimeout = Timeout,
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
    })
    { Timeout = Timeout };
}
