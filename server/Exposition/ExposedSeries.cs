using Tracing.Model;
using Tracing.Storage;

namespace Tracing.Server;

/// <summary>
/// All that the store has counted, as counters have to be: of a bounded number of series, and never less than before.
/// Asked for at most once a second, however many ask.
/// </summary>
/// <param name="maxSeries">
/// Of operations, and as many of calls between services. Who comes first stays for the life of the process, as a series
/// that moved would fall; all others are counted as those of <see cref="Series.Others"/>.
/// </param>
sealed class ExposedSeries(ISpanStore store, int maxSeries, TimeSpan timeout, TimeProvider time)
{
    static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(1);

    readonly Lock _lock = new();
    readonly Level _operations = new(SeriesLevel.Operation, maxSeries);
    readonly Level _edges = new(SeriesLevel.ServiceEdge, maxSeries);
    Task<Snapshot>? _current;
    long _asked;

    public sealed record Snapshot(IReadOnlyList<SeriesPoint> Operations, IReadOnlyList<SeriesPoint> Edges);

    /// <exception cref="OperationCanceledException">The store took longer than a query may.</exception>
    public Task<Snapshot> GetAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            // one that is under way is waited for, however old
            if (_current is null || (_current.IsCompleted && time.GetElapsedTime(_asked) > MaxAge))
            {
                _asked = time.GetTimestamp();
                _current = Task.Run(ReadAsync, CancellationToken.None);
            }
            return _current.WaitAsync(cancellationToken);
        }
    }

    async Task<Snapshot> ReadAsync()
    {
        using var deadline = new CancellationTokenSource(
            timeout > TimeSpan.Zero ? timeout : Timeout.InfiniteTimeSpan, time);
        return new Snapshot(
            await _operations.ReadAsync(store, deadline.Token), await _edges.ReadAsync(store, deadline.Token));
    }

    /// <summary>The series of a level; of one caller at a time.</summary>
    sealed class Level(SeriesLevel level, int maxSeries)
    {
        readonly HashSet<Series> _shown = [];
        Dictionary<Series, SeriesPoint> _last = [];

        // what the store does not count any more, as it dropped the oldest days
        readonly Dictionary<Series, LatencyHistogram> _dropped = [];

        public async Task<IReadOnlyList<SeriesPoint>> ReadAsync(ISpanStore store, CancellationToken cancellationToken)
        {
            var found = await store.GetSeriesAsync(
                new SeriesQuery
                {
                    Level = level,
                    StartMinute = 0,
                    // far beyond any time in nanoseconds, and no overflow for who multiplies it by 60,000
                    EndMinute = int.MaxValue,
                    StepMinutes = 0,
                    WithExemplars = true,
                },
                cancellationToken);
            var points = new Dictionary<Series, SeriesPoint>();
            foreach (var point in found)
            {
                var series = Bound(point.Series);
                points[series] = points.TryGetValue(series, out var other)
                    ? Merged(other, point)
                    : point with { Series = series };
            }
            foreach (var (series, last) in _last)
            {
                if (points.TryGetValue(series, out var point) &&
                    Deficit(last.Latencies, point.Latencies) is { } deficit)
                {
                    if (_dropped.TryGetValue(series, out var before))
                        deficit.Merge(before);
                    _dropped[series] = deficit;
                }
            }
            _last = points;
            return [.. points.Values.Select(WithDropped).OrderBy(point => Order(point.Series))];
        }

        Series Bound(Series series) =>
            _shown.Contains(series) || (_shown.Count < maxSeries && _shown.Add(series))
                ? series
                : level == SeriesLevel.Operation
                    ? series with { Service = Series.Others, Operation = Series.Others }
                    : series with { Service = Series.Others, Peer = Series.Others };

        SeriesPoint WithDropped(SeriesPoint point)
        {
            if (!_dropped.TryGetValue(point.Series, out var dropped))
                return point;
            var latencies = new LatencyHistogram();
            latencies.Merge(point.Latencies);
            latencies.Merge(dropped);
            return point with { Latencies = latencies };
        }

        static SeriesPoint Merged(SeriesPoint one, SeriesPoint other)
        {
            var latencies = new LatencyHistogram();
            latencies.Merge(one.Latencies);
            latencies.Merge(other.Latencies);
            return one with { Latencies = latencies, IsEstimated = one.IsEstimated | other.IsEstimated };
        }

        /// <summary>What is less now than before, bucket by bucket; null if nothing is.</summary>
        static LatencyHistogram? Deficit(LatencyHistogram before, LatencyHistogram now)
        {
            var counts = now.Buckets().ToDictionary(bucket => bucket.Index, bucket => bucket.Count);
            var (first, last) = (int.MaxValue, int.MinValue);
            var missing = new Dictionary<int, ulong>();
            foreach (var bucket in before.Buckets())
            {
                var count = counts.GetValueOrDefault(bucket.Index);
                if (count >= bucket.Count)
                    continue;
                missing[bucket.Index] = bucket.Count - count;
                (first, last) = (Math.Min(first, bucket.Index), bucket.Index);
            }
            var zeros = before.ZeroCount > now.ZeroCount ? before.ZeroCount - now.ZeroCount : 0;
            if (missing.Count == 0 && zeros == 0)
                return null;
            return LatencyHistogram.FromOtlp(new ExponentialHistogram
            {
                Scale = LatencyHistogram.DefaultScale,
                ZeroCount = zeros,
                Offset = missing.Count == 0 ? 0 : first,
                BucketCounts = missing.Count == 0
                    ? []
                    : [.. Enumerable.Range(first, last - first + 1).Select(index => missing.GetValueOrDefault(index))],
                Sum = before.Sum > now.Sum ? (double)(before.Sum - now.Sum) : null,
            });
        }

        static (string, string, string, SpanKind, bool, EdgeSide) Order(Series series) =>
            (series.Service, series.Operation, series.Peer, series.Kind, series.IsError, series.Side);
    }
}
