using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Tracing.Model;

namespace Tracing.Instrumentation;

/// <summary>
/// Takes ended spans from the threads of the service, which it never holds up, and writes them on a thread of its own
/// into bodies that the <see cref="Sender"/> sends. Histograms are counted there too.
/// </summary>
sealed class SpanReporter : IDisposable
{
    /// <summary>
    /// A body is sent when it is as large; with the largest span as its last still below the 1 MiB that nginx takes.
    /// </summary>
    const int MaxBodyBytes = 512 << 10;

    /// <summary>
    /// How long a stop waits for the writing thread at least. It needs milliseconds, unless a tag's value holds it up.
    /// </summary>
    static readonly TimeSpan LeastStop = TimeSpan.FromSeconds(1);

    static readonly TimeSpan HistogramInterval = TimeSpan.FromSeconds(10);

    readonly TracingOptions _options;
    readonly ILogger _log;
    readonly TimeProvider _time;
    readonly SpanRing _ring;
    // never disposed of, as a span may end while this is
    readonly AutoResetEvent _called = new(false);
    readonly SpanBody _body;
    readonly Sender _sender;
    readonly SpanHistograms? _histograms;
    readonly UpgradeRing? _upgrades;
    readonly TaskCompletionSource _written = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly Action<Activity, string?> _write;

    // so that several bodies have room
    readonly int _bodyBytes;

    long _flushesAsked, _flushesDone;
    bool _hasFailed, _hasMissed;
    volatile bool _stopping, _stopped;

    public SpanReporter(
        TracingOptions options, SourceNames sources, ILogger log, TimeProvider time, HttpMessageHandler http)
    {
        (_options, _log, _time, _write) = (options, log, time, Write);
        _bodyBytes = Math.Min(MaxBodyBytes, options.MaxBufferBytes / 8);
        var resource = new OtlpResource(options);
        // several of the largest spans have room too
        var spanBytes = Math.Min(OtlpSpanBody.MaxSpanBytes, options.MaxBufferBytes / 8);
        _body = options.IsOtlp
            ? new OtlpSpanBody(resource, options.Traces, sources, spanBytes)
            : new ZipkinSpanBody(options, sources, spanBytes);
        _sender = new Sender(options, Counters, log, time, http);
        if (options.Histograms && options.IsOtlp)
            _histograms = new SpanHistograms(resource, options.Metrics, Counters, time);
        if (options.Upgrades)
            _upgrades = new UpgradeRing(options, sources);
        _ring = new SpanRing(() => _called.Set());
        new Thread(Run) { IsBackground = true, Name = "tracing reporter" }.UnsafeStart();
    }

    public Counters Counters { get; } = new();

    /// <summary>Bytes of spans that wait to be sent.</summary>
    public long WaitingBytes => _sender.Bytes;

    /// <summary>Called by any thread for each span that ended; takes some 10 ns.</summary>
    public void Add(Activity span)
    {
        if (!_ring.TryAdd(span))
            Counters.Missed(span.Recorded);
    }

    /// <summary>The same for an unsampled span that is no activity.</summary>
    public void Add(string name, in Timing timing)
    {
        if (!_ring.TryAdd(name, timing))
            Counters.Missed(false);
    }

    /// <summary>Completes when all that ended before is sent, or dropped, or all has stopped.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        await CatchUpAsync(cancellationToken).ConfigureAwait(false);
        await _sender.WhenSentAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Completes when all that ended before is written and handed to the sender.</summary>
    public async Task CatchUpAsync(CancellationToken cancellationToken)
    {
        var mine = Interlocked.Increment(ref _flushesAsked);
        _called.Set();
        while (Volatile.Read(ref _flushesDone) < mine && !_stopped)
            await Task.Delay(TimeSpan.FromMilliseconds(1), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sends what was recorded as far as the time allows; drops and counts the rest.</summary>
    public async Task StopAsync()
    {
        _stopping = true;
        _called.Set();
        using var patience = new CancellationTokenSource(_options.StopTimeout, _time);
        try
        {
            await _written.Task.WaitAsync(_options.StopTimeout > LeastStop ? _options.StopTimeout : LeastStop)
                .ConfigureAwait(false);
            await _sender.WhenSentAsync().WaitAsync(patience.Token).ConfigureAwait(false);
            // once more, as the last counts are those after the last spans
            SendHistograms();
            await _sender.WhenSentAsync().WaitAsync(patience.Token).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            Log.Stuck(_log);
        }
        catch (OperationCanceledException)
        {
            // what is left is dropped
        }
        await _sender.StopAsync().ConfigureAwait(false);
        _stopped = true;
    }

    public void Dispose()
    {
        _sender.Dispose();
        Counters.Dispose();
        // a thread that is held up still writes there
        if (_written.Task.IsCompleted)
            _body.Dispose();
    }

    void Run()
    {
        Write();
        _written.SetResult();
    }

    void Write()
    {
        var (spansSent, histogramsSent) = (_time.GetTimestamp(), _time.GetTimestamp());
        while (true)
        {
            var isLast = _stopping;
            var flush = Volatile.Read(ref _flushesAsked);
            var mustFlush = isLast || flush > _flushesDone;
            while (_ring.TryTake(out var span, out var timing))
            {
                if (span is Activity activity)
                    Take(activity);
                else
                    _histograms?.Add((string)span, timing);
            }
            if (mustFlush || _time.GetElapsedTime(spansSent) >= _options.ReportInterval)
            {
                SendSpans();
                spansSent = _time.GetTimestamp();
            }
            if (!_hasMissed && Counters.HasMissed)
            {
                _hasMissed = true;
                Log.TooMany(_log);
            }
            if (mustFlush || _time.GetElapsedTime(histogramsSent) >= HistogramInterval)
            {
                SendHistograms();
                histogramsSent = _time.GetTimestamp();
            }
            Volatile.Write(ref _flushesDone, flush);
            if (isLast)
                return;
            _called.WaitOne(_options.ReportInterval);
        }
    }

    void Take(Activity span)
    {
        _histograms?.Add(span);
        if (span.Recorded)
            Write(span, null);
        else
            _upgrades?.Add(span, _write);
    }

    void Write(Activity span, string? state)
    {
        Counters.Ended();
        try
        {
            _body.Add(span, state);
        }
        catch (Exception e)
        {
            // an attribute of the service's own type can do anything when it is read
            Counters.Dropped(1);
            if (!_hasFailed)
                Log.Unreadable(_log, span.DisplayName, e);
            _hasFailed = true;
        }
        if (_body.Length >= _bodyBytes || _body.IsFull)
            SendSpans();
    }

    void SendSpans()
    {
        if (_body.Count > 0)
            _sender.Enqueue(_body.Take());
    }

    void SendHistograms()
    {
        if (_histograms is not null)
            _sender.Enqueue(_histograms.Take());
    }
}

/// <summary>
/// The unsampled spans that ended last, from which those of a trace are taken when its first span in this process turns
/// out to have failed or to have been slow. They are marked: the sampled traces stand for them already, so that they
/// weigh nothing in statistics.
/// </summary>
sealed class UpgradeRing(TracingOptions options, SourceNames sources)
{
    /// <summary>Of all traces together; beyond it the trace loses its first spans to end.</summary>
    const int Capacity = 2048;

    readonly Activity?[] _spans = new Activity?[Capacity];
    long _next;

    public void Add(Activity span, Action<Activity, string?> report)
    {
        _spans[_next++ % Capacity] = span;
        if (sources.IsFirst(span) && ReasonFor(span) is { } reason)
            Report(span.TraceId, reason, report);
    }

    string? ReasonFor(Activity first) =>
        options.UpgradeErrors && Conventions.IsError(first) ? "error"
        : first.Duration > options.UpgradeSlowerThan ? "slow" : null;

    void Report(ActivityTraceId traceId, string reason, Action<Activity, string?> report)
    {
        for (var i = _next; i < _next + Capacity; i++)
        {
            ref var span = ref _spans[i % Capacity];
            if (span is null || span.TraceId != traceId)
                continue;
            report(span, OtTraceState.With(span.TraceStateString, OtTraceState.UpgradeKey, reason));
            span = null;
        }
    }
}
