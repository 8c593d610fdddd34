using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using Google.Protobuf;
using Tracing.Model.Wire.Proto.Otlp;

namespace Tracing.LoadGenerator;

/// <summary>What became of the bodies that were sent.</summary>
sealed class SendResult
{
    /// <summary>Spans answered with 2xx.</summary>
    public long Acknowledged { get; set; }

    /// <summary>Spans that were not, by status code; "none": no answer; "partial": rejected within a 2xx.</summary>
    public SortedDictionary<string, long> Refused { get; } = [];

    /// <summary>Requests sent again after 429, 503 or no answer.</summary>
    public long Retried { get; set; }

    /// <summary>Bytes of bodies, each counted as often as it was sent.</summary>
    public long BytesSent { get; set; }

    /// <summary>Milliseconds of each request, from its first byte to the last one of the answer.</summary>
    public List<double> LatenciesMillis { get; } = [];

    public void Refuse(string reason, long spans) => Refused[reason] = Refused.GetValueOrDefault(reason) + spans;

    public void Add(SendResult other)
    {
        Acknowledged += other.Acknowledged;
        Retried += other.Retried;
        BytesSent += other.BytesSent;
        LatenciesMillis.AddRange(other.LatenciesMillis);
        foreach (var (reason, spans) in other.Refused)
            Refuse(reason, spans);
    }
}

/// <summary>
/// Sends bodies over some connections, one request at a time on each: a new one starts when the last was answered.
/// </summary>
sealed class Sender(LoadOptions options, BodyFormat format, BodySource bodies) : IDisposable
{
    static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(60);
    static readonly TimeSpan WarmUpTimeout = TimeSpan.FromSeconds(5);
    static readonly TimeSpan DefaultPause = TimeSpan.FromMilliseconds(200);
    static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    readonly Uri _target = new(options.Url, options.Url.AbsolutePath.TrimEnd('/') + format.Path);

    readonly HttpMessageInvoker _client = new(new SocketsHttpHandler
    {
        MaxConnectionsPerServer = options.Connections,
        UseProxy = false,
        UseCookies = false,
        AllowAutoRedirect = false,
    });

    // spans whose turn has come or is fixed; with a rate, a body waits for the turn of its first span
    long _scheduledSpans;
    long _started;

    // when any worker was last given a 2xx; shared, so that a server that died is given up once, not for each body
    long _lastAcknowledged;

    public void Dispose() => _client.Dispose();

    /// <summary>
    /// Asks for the root page on every connection, whatever the answer: otherwise the first requests would measure how
    /// long the generator takes to connect and to compile itself.
    /// </summary>
    public Task WarmUpAsync() => Task.WhenAll(Enumerable.Range(0, options.Connections).Select(async _ =>
    {
        using var timeout = new CancellationTokenSource(WarmUpTimeout);
        using var request = new HttpRequestMessage(HttpMethod.Get, options.Url);
        try
        {
            using var response = await _client.SendAsync(request, timeout.Token);
            await response.Content.ReadAsByteArrayAsync(timeout.Token);
        }
        catch (Exception e) when (IsNoAnswer(e))
        {
            // a server that is not there is found out, and reported, when bodies are sent
        }
    }));

    /// <summary>Completes when every body is acknowledged, refused or given up.</summary>
    public async Task<SendResult> SendAllAsync()
    {
        _started = _lastAcknowledged = Stopwatch.GetTimestamp();
        var workers = Enumerable.Range(0, options.Connections).Select(_ => Task.Run(WorkAsync));
        var total = new SendResult();
        foreach (var result in await Task.WhenAll(workers))
            total.Add(result);
        return total;
    }

    async Task<SendResult> WorkAsync()
    {
        var result = new SendResult();
        while (bodies.Next() is { } body)
        {
            await WaitForTurnAsync(body.Spans);
            await DeliverAsync(body, result);
            bodies.GiveBack(body);
        }
        return result;
    }

    async Task WaitForTurnAsync(int spans)
    {
        if (options.Rate == 0)
            return;
        var before = Interlocked.Add(ref _scheduledSpans, spans) - spans;
        var early = TimeSpan.FromSeconds((double)before / options.Rate) - Stopwatch.GetElapsedTime(_started);
        if (early > TimeSpan.Zero)
            await Task.Delay(early);
    }

    /// <summary>Sends a body until it is acknowledged or refused, or for so long that it is given up.</summary>
    async Task DeliverAsync(Body body, SendResult result)
    {
        var first = Stopwatch.GetTimestamp();
        while (true)
        {
            var started = Stopwatch.GetTimestamp();
            var (status, pause, rejected) = await SendOnceAsync(body);
            result.LatenciesMillis.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            result.BytesSent += body.Length;
            if ((int?)status is >= 200 and < 300)
            {
                Volatile.Write(ref _lastAcknowledged, Stopwatch.GetTimestamp());
                result.Acknowledged += body.Spans - rejected;
                if (rejected > 0)
                    result.Refuse("partial", rejected);
                return;
            }
            var mayComeAgain = status is null or HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable;
            if (!mayComeAgain || IsOverdue(first, pause) || IsOverdue(Volatile.Read(ref _lastAcknowledged), pause))
            {
                result.Refuse(((int?)status)?.ToString(CultureInfo.InvariantCulture) ?? "none", body.Spans);
                return;
            }
            result.Retried++;
            await Task.Delay(pause);
        }
    }

    bool IsOverdue(long since, TimeSpan pause) => Stopwatch.GetElapsedTime(since) + pause > options.GiveUpAfter;

    /// <returns>The status, null without an answer; the pause before another try; spans rejected.</returns>
    async Task<(HttpStatusCode? Status, TimeSpan Pause, long Rejected)> SendOnceAsync(Body body)
    {
        using var timeout = new CancellationTokenSource(RequestTimeout);
        using var request = new HttpRequestMessage(HttpMethod.Post, _target)
        {
            Content = new ReadOnlyMemoryContent(body.Content),
        };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", format.ContentType);
        if (options.Gzip)
            request.Content.Headers.TryAddWithoutValidation("Content-Encoding", "gzip");
        try
        {
            using var response = await _client.SendAsync(request, timeout.Token);
            var answer = await response.Content.ReadAsByteArrayAsync(timeout.Token);
            var rejected = response.IsSuccessStatusCode && format is OtlpFormat ? RejectedSpans(answer) : 0;
            return (response.StatusCode, PauseOf(response.Headers.RetryAfter), rejected);
        }
        catch (Exception e) when (IsNoAnswer(e))
        {
            return (null, DefaultPause, 0);
        }
    }

    static bool IsNoAnswer(Exception e) => e is HttpRequestException or IOException or OperationCanceledException;

    static TimeSpan PauseOf(RetryConditionHeaderValue? retryAfter)
    {
        var pause = retryAfter?.Delta ?? (retryAfter?.Date - TimeProvider.System.GetUtcNow()) ?? DefaultPause;
        return pause < DefaultPause ? DefaultPause : pause > LongestPause ? LongestPause : pause;
    }

    static long RejectedSpans(byte[] answer)
    {
        if (answer.Length == 0)
            return 0;
        try
        {
            return ExportTraceServiceResponse.Parser.ParseFrom(answer).PartialSuccess?.RejectedSpans ?? 0;
        }
        catch (InvalidProtocolBufferException)
        {
            return 0; // some servers answer in words; the status is what counts
        }
    }
}
