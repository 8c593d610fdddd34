using System.Net;
using Tracing.Model.Wire;

namespace Tracing.Tests.Instrumentation;

/// <summary>What is wrong with a server.</summary>
public enum Fault
{
    None,
    Stopped,
    Silent,
    Slow,
    Busy,
}

/// <summary>Stands for a server of OTLP over HTTP, and for the network before it.</summary>
sealed class FaultyServer(TimeProvider time) : HttpMessageHandler
{
    static readonly TimeSpan Slowness = TimeSpan.FromSeconds(3);

    volatile bool _holds;
    long _stored;

    public volatile Fault Fault;

    /// <summary>Whether a request waits for its answer.</summary>
    public bool Holds => _holds;

    /// <summary>Spans that were taken.</summary>
    public long Stored => Volatile.Read(ref _stored);

    public List<HistogramPoint> Durations { get; } = [];

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken stop)
    {
        switch (Fault)
        {
            case Fault.Stopped:
                throw new HttpRequestException("connection refused");
            case Fault.Busy:
                return new HttpResponseMessage(HttpStatusCode.ServiceUnavailable);
            case Fault.Silent:
                await HoldAsync(Timeout.InfiniteTimeSpan, stop);
                break;
            case Fault.Slow:
                await HoldAsync(Slowness, stop);
                break;
        }
        var body = await request.Content!.ReadAsByteArrayAsync(stop);
        if (request.RequestUri!.AbsolutePath == "/v1/traces")
            Interlocked.Add(ref _stored, OtlpProtobuf.Decode(body, WireLimits.Default).Spans.Count);
        else
            Durations.AddRange(OtlpMetricsProtobuf.Decode(body, WireLimits.Default, name => name.EndsWith(".duration",
                StringComparison.Ordinal)).Points);
        return new HttpResponseMessage(HttpStatusCode.OK);
    }

    /// <summary>Ends within the move of the clock that ends it.</summary>
    async Task HoldAsync(TimeSpan duration, CancellationToken stop)
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var timer = time.CreateTimer(_ => End(), null, duration, Timeout.InfiniteTimeSpan);
        await using var canceled = stop.Register(End);
        _holds = true;
        await ended.Task;
        stop.ThrowIfCancellationRequested();

        void End()
        {
            _holds = false;
            ended.TrySetResult();
        }
    }
}
