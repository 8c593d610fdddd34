using Tracing.Model;
using Tracing.Storage;

namespace Tracing.Server;

/// <summary>
/// All that the store has counted, as counters have to be: of a bounded number of series, and never less than before.
/// Asked for at most once a second, however many ask.
/// </summary>
/// <param name="maxSeries">
/// Of operations, and as many of calls between services; and 128 times as many characters of their names. Who comes
/// first stays for the life of the process, as a series that moved would fall; all others are counted as those of
/// <see cref="Series.Others"/>.
/// </param>
sealed class ExposedSeries(ISpanStore store, int maxSeries, TimeSpan timeout, TimeProvider time)
{
    /// <summary>
    /// Of the names of a series, on average: they are written some 40 times, since each bucket names them again.
    /// </summary>
    const int CharactersOfSeries = 128;

    static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(1);

    readonly Lock _lock = new();
    readonly Level _operations = new(SeriesLevel.Operation, maxSeries);
    readonly Level _edges = new(SeriesLevel.ServiceEdge, maxSeries);
    Task<Snapshot>? _current;
    long _asked;

    public sealed record Snapshot(
        IReadOnlyList<SeriesPoint> Operations, IReadOnlyList<SeriesPoint> Edges, UncountedCounts Uncounted);

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
            await _operations.ReadAsync(store, deadline.Token), await _edges.ReadAsync(store, deadline.Token),
            await store.GetUncountedAsync(deadline.Token));
    }

    /// <summary>The series of a level; of one caller at a time.</summary>
    sealed class Level(SeriesLevel level, int maxSeries)
    {
        readonly HashSet<Series> _shown = [];
        long _characters;
        Dictionary<Series, SeriesPoint> _last = [];

        // what the store does not count any more, as it dropped the oldest days
        readonly Dictionary<Series, LatencyHistogram> _dropped = [];

        // what was told last of series that something was withdrawn from
        readonly Dictionary<Series, LatencyHistogram> _told = [];

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
                    WithWithdrawn = true,
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
            return [.. WithoutWithdrawn(points.Values.Select(WithDropped)).OrderBy(point => Order(point.Series))];
        }

        // with what is withdrawn from it, a series is one
        Series Bound(Series series) => Withdrawals.IsWithdrawn(series)
            ? BoundCounted(Withdrawals.Counted(series)) with { Side = series.Side }
            : BoundCounted(series);

        Series BoundCounted(Series series)
        {
            if (_shown.Contains(series))
                return series;
            var characters = series.Service.Length + series.Operation.Length + series.Peer.Length;
            if (_shown.Count < maxSeries && _characters + characters <= (long)maxSeries * CharactersOfSeries)
            {
                _characters += characters;
                _shown.Add(series);
                return series;
            }
            return level == SeriesLevel.Operation
                ? series with { Service = Series.Others, Operation = Series.Others }
                : series with { Service = Series.Others, Peer = Series.Others };
        }

        /// <summary>
        /// Takes away what was withdrawn, as far as counters may: a bucket that had told of more stays until as much
        /// has come anew, and a series that has nothing left ends.
        /// </summary>
        IEnumerable<SeriesPoint> WithoutWithdrawn(IEnumerable<SeriesPoint> points)
        {
            var all = points.ToList();
            var withdrawn = all.Where(point => Withdrawals.IsWithdrawn(point.Series))
                .ToDictionary(point => Withdrawals.Counted(point.Series), point => point.Latencies);
            foreach (var point in all.Where(point => !Withdrawals.IsWithdrawn(point.Series)))
            {
                // told before anything is withdrawn, which may have been all along
                if (!withdrawn.TryGetValue(point.Series, out var latencies))
                {
                    _told[point.Series] = point.Latencies;
                    yield return point;
                    continue;
                }
                var rest = Withdrawals.Less(point.Latencies, latencies);
                if (rest.Calls == 0)
                {
                    _told.Remove(point.Series);
                    continue;
                }
                // a span that is counted anew with its duration is one as before
                if (_told.TryGetValue(point.Series, out var told) &&
                    (level == SeriesLevel.ServiceEdge || rest.Calls < told.Calls) &&
                    Deficit(told, rest) is { } deficit)
                    rest.Merge(deficit);
                _told[point.Series] = rest;
                yield return point with { Latencies = rest };
            }
        }

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
            var unknown = before.UnknownCount > now.UnknownCount ? before.UnknownCount - now.UnknownCount : 0;
            if (missing.Count == 0 && zeros == 0 && unknown == 0)
                return null;
            var deficit = LatencyHistogram.FromOtlp(new ExponentialHistogram
            {
                Scale = LatencyHistogram.DefaultScale,
                ZeroCount = zeros,
                Offset = missing.Count == 0 ? 0 : first,
                BucketCounts = missing.Count == 0
                    ? []
                    : [.. Enumerable.Range(first, last - first + 1).Select(index => missing.GetValueOrDefault(index))],
                Sum = before.Sum > now.Sum ? (double)(before.Sum - now.Sum) : null,
            });
            deficit.RecordUnknown(unknown);
            return deficit;
        }

        static (string, string, string, SpanKind, bool, EdgeSide) Order(Series series) =>
            (series.Service, series.Operation, series.Peer, series.Kind, series.IsError, series.Side);
    }
}
