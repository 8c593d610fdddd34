namespace Tracing.Instrumentation;

/// <summary>For what this library sends itself: traced, every report would make one more.</summary>
static class UntracedHttp
{
    /// <summary>Longer than a busy server takes; spans are to flow 10 s after one that said nothing is back.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(8);

    public static HttpClient Client() => new(Handler()) { Timeout = Timeout };

    public static HttpMessageHandler Handler() => new SocketsHttpHandler
    {
        ActivityHeadersPropagator = null,
        ConnectTimeout = Timeout,
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
    };
}
