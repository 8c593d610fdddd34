using System.Diagnostics;
using Tracing.Model;

namespace Tracing.Storage;

/// <summary>Spans that are stored and that statistics leave out, since the start of the process.</summary>
/// <param name="WithoutTime">They do not say when they started, or more than a year from when they came.</param>
/// <param name="Rejected">They could not be counted, which is an error of this server; the log names them.</param>
public readonly record struct UncountedCounts(long WithoutTime, long Rejected);

/// <summary>
/// Counts the spans that statistics leave out, so that one that cannot be counted takes nothing along. For any thread.
/// </summary>
/// <param name="log">Told of a span that could not be counted, at most once a minute.</param>
public sealed class UncountedSpans(Action<Span, Exception>? log = null)
{
    static readonly TimeSpan _between = TimeSpan.FromMinutes(1);

    long _withoutTime;
    long _rejected;
    long _lastLogged;

    public UncountedCounts Counts => new(Interlocked.Read(ref _withoutTime), Interlocked.Read(ref _rejected));

    internal void AddWithoutTime() => Interlocked.Increment(ref _withoutTime);

    internal void Reject(Span span, Exception exception)
    {
        Interlocked.Increment(ref _rejected);
        var (last, now) = (Interlocked.Read(ref _lastLogged), Stopwatch.GetTimestamp());
        if ((last == 0 || Stopwatch.GetElapsedTime(last, now) >= _between) &&
            Interlocked.CompareExchange(ref _lastLogged, now, last) == last)
            log?.Invoke(span, exception);
    }
}
