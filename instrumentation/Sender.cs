using System.Buffers;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using Microsoft.Extensions.Logging;

namespace Tracing.Instrumentation;

/// <summary>
/// Sends bodies one after the other, each until it is taken, refused, or too old. What waits is bounded in bytes: the
/// oldest goes when there is no room, as the newest is what people look for after an outage.
/// </summary>
sealed class Sender : IDisposable
{
    /// <summary>
    /// How long a body is sent again and again. Our server knows a body for 10 minutes that it took without its answer
    /// arriving; one sent later would be stored twice.
    /// </summary>
    static readonly TimeSpan RetryFor = TimeSpan.FromMinutes(5);

    static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(250);

    /// <summary>So that spans flow soon after an outage.</summary>
    public static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(4);

    readonly Lock _lock = new();
    readonly Queue<Body> _waiting = [];
    readonly SemaphoreSlim _arrived = new(0);
    readonly CancellationTokenSource _stop = new();
    readonly HttpClient _client;
    readonly TracingOptions _options;
    readonly Counters _counters;
    readonly ILogger _log;
    readonly TimeProvider _time;
    readonly Task _running;

    long _bytes;
    Body? _inFlight;
    bool _isFailing;
    TaskCompletionSource? _emptied;

    public Sender(TracingOptions options, Counters counters, ILogger log, TimeProvider time, HttpMessageHandler http)
    {
        (_options, _counters, _log, _time) = (options, counters, log, time);
        _client = new HttpClient(http) { BaseAddress = options.Endpoint, Timeout = Timeout.InfiniteTimeSpan };
        using (ExecutionContext.SuppressFlow())
            _running = Task.Run(RunAsync);
    }

    /// <summary>Bytes that wait or are being sent.</summary>
    public long Bytes
    {
        get
        {
            lock (_lock)
                return _bytes;
        }
    }

    public void Enqueue(Body body)
    {
        lock (_lock)
        {
            _waiting.Enqueue(body);
            _bytes += body.Buffer.Length;
            while (_bytes > _options.MaxBufferBytes && _waiting.TryDequeue(out var oldest))
                Drop(oldest);
            TellIfEmpty();
        }
        _arrived.Release();
    }

    /// <summary>Completes when nothing waits any more.</summary>
    public Task WhenEmptyAsync()
    {
        lock (_lock)
        {
            if (_waiting.Count == 0 && _inFlight is null)
                return Task.CompletedTask;
            _emptied ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _emptied.Task;
        }
    }

    /// <summary>Ends the sending; what waits is dropped.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        lock (_lock)
        {
            while (_waiting.TryDequeue(out var body))
                Drop(body);
        }
    }

    public void Dispose()
    {
        _client.Dispose();
        _stop.Dispose();
        _arrived.Dispose();
    }

    async Task RunAsync()
    {
        try
        {
            while (true)
            {
                await _arrived.WaitAsync(_stop.Token).ConfigureAwait(false);
                if (Next() is not { } body)
                    continue;
                await SendAsync(body).ConfigureAwait(false);
                Done(body);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            if (_inFlight is { } body)
            {
                _counters.Dropped(body.Spans);
                Done(body);
            }
        }
    }

    /// <summary>Null if what arrived was dropped since.</summary>
    Body? Next()
    {
        lock (_lock)
            return _inFlight = _waiting.TryDequeue(out var body) ? body : null;
    }

    void Done(Body body)
    {
        lock (_lock)
        {
            Release(body);
            _inFlight = null;
            TellIfEmpty();
        }
    }

    void TellIfEmpty()
    {
        if (_waiting.Count > 0 || _inFlight is not null)
            return;
        _emptied?.SetResult();
        _emptied = null;
    }

    void Drop(Body body)
    {
        _counters.Dropped(body.Spans);
        Release(body);
    }

    void Release(Body body)
    {
        _bytes -= body.Buffer.Length;
        ArrayPool<byte>.Shared.Return(body.Buffer);
    }

    /// <summary>Sends until there is an outcome, and counts it.</summary>
    async Task SendAsync(Body body)
    {
        var begun = _time.GetTimestamp();
        for (var attempt = 0; ; attempt++)
        {
            var tried = _time.GetTimestamp();
            var outcome = await TryAsync(body).ConfigureAwait(false);
            if (outcome.IsTaken)
            {
                _counters.Sent(body.Spans - outcome.Rejected);
                _counters.Dropped(outcome.Rejected);
                if (_isFailing)
                    Log.Recovered(_log, _options.Endpoint);
                _isFailing = false;
                return;
            }
            if (!_isFailing)
                Log.Failing(_log, _options.Endpoint, outcome.Problem);
            _isFailing = true;
            // who has waited for an answer has waited
            var wait = outcome.RetryAfter ?? Max(TimeSpan.Zero, WaitBefore(attempt) - _time.GetElapsedTime(tried));
            if (!outcome.MayRetry || _time.GetElapsedTime(begun) + wait > RetryFor)
            {
                _counters.Dropped(body.Spans);
                return;
            }
            await Task.Delay(wait, _time, _stop.Token).ConfigureAwait(false);
            _counters.Retried();
        }
    }

    /// <summary>Twice as long each time; half of it random, so that processes do not come back all at once.</summary>
    static TimeSpan WaitBefore(int attempt)
    {
        var wait = Math.Min(LongestWait.TotalSeconds, FirstWait.TotalSeconds * Math.Pow(2, attempt));
        return TimeSpan.FromSeconds(wait * (0.5 + Random.Shared.NextDouble() / 2));
    }

    static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;

    async Task<Outcome> TryAsync(Body body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, body.Path) { Content = ContentOf(body) };
        var isGrpc = _options.Format == ReportFormat.OtlpGrpc;
        if (isGrpc)
        {
            request.Version = HttpVersion.Version20;
            request.VersionPolicy = HttpVersionPolicy.RequestVersionExact;
            request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        }
        using var patience = new CancellationTokenSource(UntracedHttp.Timeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token, patience.Token);
        try
        {
            using var response = await _client.SendAsync(request, either.Token).ConfigureAwait(false);
            var answer = await response.Content.ReadAsByteArrayAsync(either.Token).ConfigureAwait(false);
            return isGrpc && response.IsSuccessStatusCode ? OfGrpc(response, answer) : OfHttp(response, answer);
        }
        catch (Exception e) when (e is not OperationCanceledException || !_stop.IsCancellationRequested)
        {
            // no connection, no answer in time, or whatever a handler makes of it, which may come at the moment of the
            // stop too: nothing of it may reach the service
            return new Outcome(false, 0, true, null, patience.IsCancellationRequested
                ? $"no answer within {UntracedHttp.Timeout.TotalSeconds:0} s" : e.Message);
        }
    }

    ByteArrayContent ContentOf(Body body)
    {
        var isGrpc = _options.Format == ReportFormat.OtlpGrpc;
        var content = _options.Gzip
            ? Compressed(body, isGrpc ? OtlpWire.GrpcHeader : 0)
            : new ByteArrayContent(body.Buffer, 0, body.Length);
        if (_options.Gzip)
            content.Headers.TryAddWithoutValidation(isGrpc ? "grpc-encoding" : "Content-Encoding", "gzip");
        content.Headers.ContentType = new MediaTypeHeaderValue(body.ContentType);
        return content;
    }

    /// <param name="header">Bytes of gRPC in front, which stay as they are but for what they say.</param>
    static ByteArrayContent Compressed(Body body, int header)
    {
        var compressed = new MemoryStream(body.Length / 4);
        compressed.Write(body.Buffer, 0, header);
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write(body.Buffer, header, body.Length - header);
        var length = (int)compressed.Length;
        if (header > 0)
            OtlpWire.WriteGrpcHeader(compressed.GetBuffer(), isCompressed: true, length - header);
        return new ByteArrayContent(compressed.GetBuffer(), 0, length);
    }

    Outcome OfHttp(HttpResponseMessage response, byte[] answer)
    {
        if (response.IsSuccessStatusCode)
            return Taken(_options.IsOtlp ? OtlpWire.Rejected(answer) : 0);
        var mayRetry = response.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or
            HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout;
        return new Outcome(false, 0, mayRetry, RetryAfter(response.Headers.RetryAfter),
            $"{(int)response.StatusCode} {response.ReasonPhrase}");
    }

    static Outcome OfGrpc(HttpResponseMessage response, byte[] answer)
    {
        // without a message the status comes in the headers
        if (!response.TrailingHeaders.TryGetValues("grpc-status", out var values) &&
            !response.Headers.TryGetValues("grpc-status", out values))
            return new Outcome(false, 0, true, null, "no grpc-status");
        var status = values.First();
        var wait = response.TrailingHeaders.TryGetValues(OtlpWire.GrpcDetails, out var details) ||
            response.Headers.TryGetValues(OtlpWire.GrpcDetails, out details)
            ? Bounded(OtlpWire.RetryDelay(details.First()))
            : null;
        return status switch
        {
            "0" => Taken(OtlpWire.Rejected(answer.AsSpan(Math.Min(OtlpWire.GrpcHeader, answer.Length)))),
            // CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS, as OTLP says
            "1" or "4" or "10" or "11" or "14" or "15" => new Outcome(false, 0, true, wait, $"grpc-status {status}"),
            // RESOURCE_EXHAUSTED is for a while only if the server says for how long
            "8" when wait is not null => new Outcome(false, 0, true, wait, $"grpc-status {status}"),
            _ => new Outcome(false, 0, false, null, $"grpc-status {status}"),
        };
    }

    TimeSpan? RetryAfter(RetryConditionHeaderValue? header) =>
        Bounded(header?.Delta ?? header?.Date - _time.GetUtcNow());

    static TimeSpan? Bounded(TimeSpan? wait) =>
        wait is null ? null : TimeSpan.FromTicks(Math.Clamp(wait.Value.Ticks, 0, RetryFor.Ticks));

    static Outcome Taken(long rejected) => new(true, rejected, false, null, "");

    /// <param name="Rejected">Spans of it that the server left out.</param>
    readonly record struct Outcome(bool IsTaken, long Rejected, bool MayRetry, TimeSpan? RetryAfter, string Problem);
}
