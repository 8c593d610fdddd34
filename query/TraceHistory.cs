using Tracing.Model;
using Tracing.Storage;
using Tracing.Storage.TraceQl;

namespace Tracing.Query;

/// <param name="Count">Spans that the percentiles are of.</param>
/// <param name="Percentiles">Durations in nanoseconds that 0, 1, 2 to 100 percent of the spans did not exceed.</param>
sealed record OperationHistory(
    string Service, string Operation, string Kind, ulong Count, IReadOnlyList<double> Percentiles);

/// <param name="Operations">Those of the trace, of its busiest services.</param>
/// <param name="IsComplete">False when the trace has more services than are looked up.</param>
sealed record HistoryAnswer(CoveredRange Range, IReadOnlyList<OperationHistory> Operations, bool IsComplete);

/// <summary>How long the operations of a trace usually take, so that its spans can be told from their like.</summary>
static class TraceHistory
{
    /// <summary>Of a trace; each is a query.</summary>
    const int MaxServices = 50;

    const long MinutesBefore = 24 * 60;

    public static async Task<HistoryAnswer> OfAsync(
        IReadOnlyList<Span> spans, ISpanStore store, TimeProvider time, CancellationToken cancellation)
    {
        var trace = new TraceFacts(spans);
        var last = trace.StartUnixNano == 0
            ? SearchParameters.NanosOf(time.GetUtcNow())
            : trace.StartUnixNano + (UInt128)trace.DurationNanos;
        var end = (long)(last / 60_000_000_000) + 1;
        var range = new MinuteRange(Math.Max(0, end - MinutesBefore), end, time.GetUtcNow().ToUnixTimeSeconds());
        var reader = new SeriesReader(store, SeriesSource.Spans, cancellation);
        var services = spans.CountBy(span => span.ServiceName).OrderByDescending(each => each.Value).ToList();
        var operations = spans
            .Select(span => (SeriesNames.Cut(span.ServiceName), SeriesNames.Cut(span.Name), span.Kind)).ToHashSet();
        var found = new List<OperationHistory>();
        foreach (var (service, _) in services.Take(MaxServices))
        {
            var points = await reader.ReadAsync(SeriesLevel.Operation, range, service);
            found.AddRange(Measured
                .By(points, point => (point.Series.Service, point.Series.Operation, point.Series.Kind))
                .Where(each => operations.Contains(each.Key))
                .Select(each => new OperationHistory(each.Key.Service, each.Key.Operation, each.Key.Kind.Lower(),
                    each.Value.All.Count,
                    [.. Enumerable.Range(0, 101).Select(percent => each.Value.All.Quantile(percent / 100.0))])));
        }
        return new HistoryAnswer(range.Covered, found, services.Count <= MaxServices);
    }
}
