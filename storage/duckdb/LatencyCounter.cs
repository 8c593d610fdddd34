using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>Counts the durations of a selection in histograms, which bounds the memory.</summary>
static class LatencyCounter
{
    public static SpanLatencies Count(MatchingSpans spans)
    {
        var latencies = new SpanLatencies();
        var parameters = new SqlParameters();
        if (spans.Select(parameters, p => $"duration_ns, status, {p.Weight} AS weight") is not { } rows)
            return latencies;
        using var command = parameters.Command(spans.Connection, $"""
            SELECT duration_ns, weight::DOUBLE, status = {(int)StatusCode.Error}, count(*)
            FROM ({rows}) GROUP BY ALL
            """);
        command.UseStreamingMode = true;
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        while (row.Read())
        {
            spans.Cancellation.ThrowIfCancellationRequested();
            var (nanos, weight) = (row.Next<long>(), row.Next<double>());
            var histogram = row.Next<bool>() ? latencies.Failed : latencies.Succeeded;
            var count = (ulong)row.Next<long>();
            // each by itself, as histograms know from the weights how much they say
            for (ulong i = 0; i < count; i++)
                histogram.Record(nanos, weight == 1 ? 1 : Whole(weight, nanos, i));
        }
        return latencies;
    }

    /// <summary>Weights made whole, by chance but each time the same, so that their sums have the right mean.</summary>
    static ulong Whole(double weight, long nanos, ulong number) =>
        AdjustedCount.Round(weight, new TraceId(0, (ulong)nanos), new SpanId(number));
}
