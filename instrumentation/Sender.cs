using System.Buffers;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
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

    /// <summary>Longest answer that is read, in bytes; what it may say is far less.</summary>
    const int MaxAnswerBytes = 4 << 20;

    /// <summary>So that spans flow soon after an outage.</summary>
    public static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(4);

    readonly Lock _lock = new();
    readonly Queue<Body> _waiting = [];
    readonly SemaphoreSlim _arrived = new(0);
    readonly CancellationTokenSource _stop = new();
    readonly HttpClient _client;
    readonly TracingOptions _options;
    readonly Counters _counters;
    readonly SenderLog _log;
    readonly TimeProvider _time;
    readonly Task _running;

    // those that wait until all bodies up to a number are sent or dropped
    readonly List<(long Number, TaskCompletionSource Done)> _waiters = [];

    long _bytes, _lastNumber;
    Body? _inFlight;
    bool _isStopped;
    int _lostAtStop;

    public Sender(TracingOptions options, Counters counters, ILogger log, TimeProvider time, HttpMessageHandler http)
    {
        (_options, _counters, _log, _time) = (options, counters, new SenderLog(log), time);
        _client = new HttpClient(http)
        {
            Timeout = Timeout.InfiniteTimeSpan,
            MaxResponseContentBufferSize = MaxAnswerBytes,
        };
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
            body.Number = ++_lastNumber;
            _bytes += body.Buffer.Length;
            if (_isStopped)
            {
                Drop(body);
                return;
            }
            _waiting.Enqueue(body);
            while (_bytes > _options.MaxBufferBytes && _waiting.TryDequeue(out var oldest))
            {
                _log.NoRoom(oldest.Target, _options.MaxBufferBytes);
                Drop(oldest);
            }
            TellWaiters();
            _arrived.Release();
        }
    }

    /// <summary>Completes when all that was handed over so far is sent or dropped.</summary>
    public Task WhenSentAsync()
    {
        lock (_lock)
        {
            if (Oldest > _lastNumber)
                return Task.CompletedTask;
            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiters.Add((_lastNumber, done));
            return done.Task;
        }
    }

    /// <summary>Ends the sending; what waits is dropped.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        long lost = _lostAtStop;
        lock (_lock)
        {
            _isStopped = true;
            while (_waiting.TryDequeue(out var body))
            {
                lost += body.Spans;
                Drop(body);
            }
            TellWaiters();
        }
        if (lost > 0)
            _log.LostAtStop(_options.Traces, lost);
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
                _lostAtStop = body.Spans;
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
            TellWaiters();
        }
    }

    /// <summary>Number of the oldest body that is not sent.</summary>
    long Oldest => _inFlight?.Number ?? (_waiting.TryPeek(out var first) ? first.Number : long.MaxValue);

    void TellWaiters()
    {
        var oldest = Oldest;
        foreach (var (number, done) in _waiters)
        {
            if (number < oldest)
                done.SetResult();
        }
        _waiters.RemoveAll(each => each.Number < oldest);
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
                // more than there were would be a server's mistake
                var rejected = Math.Min(outcome.Rejected, body.Spans);
                _counters.Sent(body.Spans - rejected);
                _counters.Dropped(rejected);
                _log.Taken(body.Target, outcome.Rejected, outcome.Problem);
                return;
            }
            if (!outcome.MayRetry)
            {
                _counters.Dropped(body.Spans);
                _log.Refused(body.Target, outcome.Problem);
                return;
            }
            _log.Failing(body.Target, outcome.Problem);
            // who has waited for an answer has waited
            var wait = outcome.RetryAfter ?? Max(TimeSpan.Zero, WaitBefore(attempt) - _time.GetElapsedTime(tried));
            if (_time.GetElapsedTime(begun) + wait > RetryFor)
            {
                _counters.Dropped(body.Spans);
                _log.TooOld(body.Target, RetryFor);
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
        using var request = new HttpRequestMessage(HttpMethod.Post, body.Target.Address)
        {
            Content = ContentOf(body),
        };
        foreach (var (name, value) in body.Target.Headers)
            request.Headers.TryAddWithoutValidation(name, value);
        var isGrpc = body.Target.IsGrpc;
        if (isGrpc)
        {
            request.Version = HttpVersion.Version20;
            request.VersionPolicy = HttpVersionPolicy.RequestVersionExact;
            request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        }
        using var patience = new CancellationTokenSource(body.Target.Timeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token, patience.Token);
        try
        {
            using var response = await _client.SendAsync(request, either.Token).ConfigureAwait(false);
            var answer = await response.Content.ReadAsByteArrayAsync(either.Token).ConfigureAwait(false);
            return isGrpc && response.IsSuccessStatusCode
                ? OfGrpc(response, answer)
                : OfHttp(body.Target, response, answer);
        }
        catch (Exception e) when (e is not OperationCanceledException || !_stop.IsCancellationRequested)
        {
            // no connection, no answer in time, or whatever a handler makes of it, which may come at the moment of the
            // stop too: nothing of it may reach the service
            return new Outcome(false, 0, true, null, patience.IsCancellationRequested
                ? $"no answer within {body.Target.Timeout.TotalSeconds:0.#} s" : e.Message);
        }
    }

    static ByteArrayContent ContentOf(Body body)
    {
        var isGrpc = body.Target.IsGrpc;
        var content = body.Target.Gzip
            ? Compressed(body, isGrpc ? OtlpWire.GrpcHeader : 0)
            : new ByteArrayContent(body.Buffer, 0, body.Length);
        if (body.Target.Gzip)
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

    Outcome OfHttp(ReportTarget target, HttpResponseMessage response, byte[] answer)
    {
        if (response.IsSuccessStatusCode)
            return Taken(target.IsOtlp ? OtlpWire.Rejected(answer) : default);
        var mayRetry = response.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or
            HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout;
        return new Outcome(false, 0, mayRetry, RetryAfter(response.Headers.RetryAfter),
            With($"{(int)response.StatusCode} {response.ReasonPhrase}", ReasonOf(response, answer)));
    }

    /// <summary>What the answer says in words; "" for nothing.</summary>
    static string ReasonOf(HttpResponseMessage response, byte[] answer) =>
        response.Content.Headers.ContentType?.MediaType is not { } type ? ""
        : type.EndsWith("/x-protobuf", StringComparison.Ordinal) ? OtlpWire.Refusal(answer)
        : type == "text/plain" || type.EndsWith("json", StringComparison.Ordinal)
            ? Encoding.UTF8.GetString(answer.AsSpan(0, Math.Min(answer.Length, SenderLog.MaxReason)))
            : "";

    static string With(string status, string reason) => reason.Length == 0 ? status : $"{status}: {reason}";

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
        var reason = response.TrailingHeaders.TryGetValues("grpc-message", out var message) ||
            response.Headers.TryGetValues("grpc-message", out message)
            ? Uri.UnescapeDataString(message.First())
            : "";
        var problem = With($"grpc-status {status}", reason);
        return status switch
        {
            "0" => Taken(OtlpWire.Rejected(answer.AsMemory(Math.Min(OtlpWire.GrpcHeader, answer.Length)))),
            // CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS, as OTLP says
            "1" or "4" or "10" or "11" or "14" or "15" => new Outcome(false, 0, true, wait, problem),
            // RESOURCE_EXHAUSTED is for a while only if the server says for how long
            "8" when wait is not null => new Outcome(false, 0, true, wait, problem),
            _ => new Outcome(false, 0, false, null, problem),
        };
    }

    TimeSpan? RetryAfter(RetryConditionHeaderValue? header) =>
        Bounded(header?.Delta ?? header?.Date - _time.GetUtcNow());

    static TimeSpan? Bounded(TimeSpan? wait) =>
        wait is null ? null : TimeSpan.FromTicks(Math.Clamp(wait.Value.Ticks, 0, RetryFor.Ticks));

    static Outcome Taken((long Count, string Reason) rejected) =>
        new(true, rejected.Count, false, null, rejected.Reason);

    /// <param name="Rejected">Spans of it that the server left out.</param>
    /// <param name="Problem">What is wrong, or why spans were left out.</param>
    readonly record struct Outcome(bool IsTaken, long Rejected, bool MayRetry, TimeSpan? RetryAfter, string Problem);
}
