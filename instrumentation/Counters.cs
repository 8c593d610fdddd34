using System.Diagnostics.Metrics;

namespace Tracing.Instrumentation;

/// <summary>
/// What became of the spans that were to be reported, since the start: those that ended are those that were sent, those
/// that were dropped, and those that wait.
/// </summary>
/// <param name="Ended">Spans that were to be reported.</param>
/// <param name="Sent">Spans that the server has taken.</param>
/// <param name="Dropped">Spans that are lost: no room, refused by the server, or not sent before the stop.</param>
/// <param name="Retries">Requests that were sent once more.</param>
public readonly record struct ReportCounts(long Ended, long Sent, long Dropped, long Retries);

/// <summary>The counts as they grow; also metrics of the meter <c>Tracing.Instrumentation</c>.</summary>
sealed class Counters : IDisposable
{
    readonly Meter _meter = new("Tracing.Instrumentation");
    long _ended, _sent, _dropped, _retries, _uncounted;

    public Counters()
    {
        _meter.CreateObservableCounter("tracing.spans.ended", () => Counts.Ended, "{span}", "Spans to be reported.");
        _meter.CreateObservableCounter("tracing.spans.sent", () => Counts.Sent, "{span}", "Spans that arrived.");
        _meter.CreateObservableCounter("tracing.spans.dropped", () => Counts.Dropped, "{span}", "Spans that are lost.");
        _meter.CreateObservableCounter("tracing.reports.retried", () => Counts.Retries, "{request}",
            "Requests that were sent once more.");
        _meter.CreateObservableCounter("tracing.spans.uncounted", () => Volatile.Read(ref _uncounted), "{span}",
            "Unsampled spans that the histograms missed.");
    }

    public ReportCounts Counts => new(
        Volatile.Read(ref _ended), Volatile.Read(ref _sent), Volatile.Read(ref _dropped), Volatile.Read(ref _retries));

    /// <summary>Whether recorded spans were lost as they ended.</summary>
    public bool HasMissed { get; private set; }

    public void Ended() => Interlocked.Increment(ref _ended);

    public void Sent(long spans) => Interlocked.Add(ref _sent, spans);

    public void Dropped(long spans) => Interlocked.Add(ref _dropped, spans);

    public void Retried() => Interlocked.Increment(ref _retries);

    /// <summary>The ring was full.</summary>
    public void Missed(bool wasRecorded)
    {
        if (!wasRecorded)
        {
            Interlocked.Increment(ref _uncounted);
            return;
        }
        Interlocked.Increment(ref _ended);
        Interlocked.Increment(ref _dropped);
        HasMissed = true;
    }

    public void Dispose() => _meter.Dispose();
}
