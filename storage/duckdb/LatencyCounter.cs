using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>Counts the durations of a selection in histograms, which bounds the memory.</summary>
static class LatencyCounter
{
    public static SpanLatencies Count(MatchingSpans spans)
    {
        var latencies = new SpanLatencies();
        var parameters = new SqlParameters();
        if (spans.Select(parameters, p => $"{SpanTable.KnownDuration} AS nanos, status, {p.Weight} AS weight, " +
            $"{AdjustedCounts.IsEstimated} AS is_estimated") is not { } rows)
            return latencies;
        // an unknown duration is NULL, which is a group like others
        using var command = parameters.Command(spans.Connection, $"""
            SELECT nanos, weight::DOUBLE, status = {(int)StatusCode.Error}, count(*), bool_or(is_estimated)
            FROM ({rows}) GROUP BY nanos, weight, status
            """);
        command.UseStreamingMode = true;
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        while (row.Read())
        {
            spans.Cancellation.ThrowIfCancellationRequested();
            var (nanos, weight) = (row.NextOrNull<long>(), row.Next<double>());
            var isError = row.Next<bool>();
            var count = (ulong)row.Next<long>();
            latencies.IsEstimated |= row.Next<bool>();
            // each by itself, as histograms know from the weights how much they say
            for (ulong i = 0; i < count; i++)
                latencies.Record((ulong?)nanos, isError, weight == 1 ? 1 : Whole(weight, nanos ?? 0, i));
        }
        return latencies;
    }

    /// <summary>Weights made whole, by chance but each time the same, so that their sums have the right mean.</summary>
    static ulong Whole(double weight, long nanos, ulong number) =>
        AdjustedCount.Round(weight, new TraceId(0, (ulong)nanos), new SpanId(number));
}
