using Tracing.Collector;

namespace Tracing.Server;

/// <summary>All that the server tells of itself and of what it has counted, to who asks or is sent it.</summary>
sealed class ExposedFamilies(
    CollectorMetrics metrics, RequestMetrics requests, ClientAudit audit, ExposedSeries series,
    ILogger<ExposedFamilies> log)
{
    /// <summary>A store that does not answer takes its own families away, and not those that tell of it.</summary>
    public async Task<List<MetricFamily>> GetAsync(CancellationToken cancellationToken)
    {
        var families = OwnMetrics.Families(metrics, requests, audit).ToList();
        var isAnswered = 1;
        try
        {
            var snapshot = await series.GetAsync(cancellationToken);
            families.AddRange(SpanMetrics.Families(snapshot.Operations, snapshot.Edges));
            families.Add(SpanMetrics.Uncounted(snapshot.Uncounted));
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            log.SeriesFailed(e);
            isAnswered = 0;
        }
        families.Add(new MetricFamily("tracing_series_up", FamilyKind.Gauge,
            "whether the store told what it has counted of spans", "", [new MetricSample([], isAnswered)]));
        return families;
    }
}

static partial class MetricsLog
{
    [LoggerMessage(1, LogLevel.Warning, "The store did not tell what it has counted; metrics go without")]
    public static partial void SeriesFailed(this ILogger logger, Exception exception);

    [LoggerMessage(2, LogLevel.Warning, "Metrics could not be pushed to {Endpoint}; the next push has them too")]
    public static partial void PushFailed(this ILogger logger, string endpoint, Exception exception);
}
