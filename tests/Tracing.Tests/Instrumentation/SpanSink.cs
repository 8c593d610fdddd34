using System.Net;
using Microsoft.Extensions.Logging;
using Tracing.Instrumentation;
using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Tests.Instrumentation;

/// <summary>Stands for a server of OTLP: keeps the spans that a tracer sends, and what its log says.</summary>
sealed class SpanSink : HttpMessageHandler, ILogger
{
    readonly Lock _lock = new();
    readonly List<Span> _spans = [];
    readonly List<string> _log = [];
    readonly List<HttpRequestMessage> _requests = [];

    /// <summary>What is answered; null for OK. Spans of requests that are refused are not kept.</summary>
    public Func<HttpRequestMessage, HttpResponseMessage?> Answer { get; set; } = _ => null;

    public List<Span> Spans
    {
        get
        {
            lock (_lock)
                return [.. _spans];
        }
    }

    /// <summary>Lines of the log, with their level.</summary>
    public List<string> Lines
    {
        get
        {
            lock (_lock)
                return [.. _log];
        }
    }

    /// <summary>What was sent, without its content.</summary>
    public List<HttpRequestMessage> Requests
    {
        get
        {
            lock (_lock)
                return [.. _requests];
        }
    }

    public Tracer Start(Action<TracingOptions> configure, TimeProvider? time = null)
    {
        var options = new TracingOptions { ServiceName = "Shop", ReportInterval = TimeSpan.FromMilliseconds(100) };
        configure(options);
        return new Tracer(options, this, time, this);
    }

    public static string? Tag(Span span, string key)
    {
        var found = span.Attributes.Where(each => each.Key == key).ToList();
        return found.Count == 0 ? null : found[0].Value.ToString();
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken stop)
    {
        var body = await request.Content!.ReadAsByteArrayAsync(stop);
        lock (_lock)
        {
            _requests.Add(request);
            if (Answer(request) is { } answer)
                return answer;
            if (request.RequestUri!.AbsolutePath.EndsWith("/traces", StringComparison.Ordinal))
                _spans.AddRange(OtlpProtobuf.Decode(body, WireLimits.Default).Spans);
        }
        return new HttpResponseMessage(HttpStatusCode.OK);
    }

    IDisposable? ILogger.BeginScope<TState>(TState state) => null;

    bool ILogger.IsEnabled(LogLevel logLevel) => true;

    void ILogger.Log<TState>(
        LogLevel level, EventId id, TState state, Exception? exception, Func<TState, Exception?, string> format)
    {
        lock (_lock)
            _log.Add($"{level}: {format(state, exception)}");
    }
}
