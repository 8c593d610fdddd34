using Tracing.Model.Wire;

namespace Tracing.Collector;

/// <summary>
/// Remembers the last point of each cumulative stream, so that what came since can be counted. A stream is a metric of
/// a resource and a scope with its attributes, its bounds and its start: one that began anew is another. The memory is
/// that of the process.
/// <para>
/// Of a stream that is new here its first point is counted from its start, if nothing of it can have been counted
/// before: it began at most 5 minutes before the point and after this process, or an earlier point came of another
/// stream of its family, which differs in attributes alone: clients send all streams each time, so this one was not
/// yet. Else the first point is only what the next ones are compared with.
/// </para>
/// </summary>
/// <param name="maxStreams">Remembered at one time; one of more than 100 buckets counts as several.</param>
sealed class CumulativeStreams(int maxStreams, TimeProvider time)
{
    const int BucketsOfOne = 100;
    const ulong NanosPerSecond = 1_000_000_000;
    const ulong NewestStart = 300 * NanosPerSecond;

    /// <summary>Points of one export carry about the same time.</summary>
    const ulong OneExport = NanosPerSecond;

    /// <summary>Requests that may be in work at one time, if of different resources.</summary>
    const int Stripes = 64;

    /// <summary>Without a point for so long a stream is forgotten; clients send once a minute.</summary>
    static readonly TimeSpan Forgotten = TimeSpan.FromMinutes(15);

    readonly Dictionary<UInt128, Known> _streams = [];
    readonly Dictionary<UInt128, Family> _families = [];
    readonly Lock _lock = new();
    readonly SemaphoreSlim[] _stripes = [.. Enumerable.Range(0, Stripes).Select(_ => new SemaphoreSlim(1))];
    readonly ulong _startUnixNano = (ulong)time.GetUtcNow().ToUnixTimeMilliseconds() * 1_000_000;
    long _lastSwept = time.GetTimestamp();
    int _cost;

    sealed record Known(HistogramPoint Last, UInt128 Family, long Heard)
    {
        public int Cost => 1 + (Last.BucketCounts.Length / BucketsOfOne);
    }

    /// <param name="FirstUnixNano">Time of the first point that came of it.</param>
    sealed record Family(ulong FirstUnixNano, int Streams);

    public int Count
    {
        get
        {
            lock (_lock)
                return _streams.Count;
        }
    }

    /// <summary>
    /// Waits until no other request is in work that has points of the same resources: what one request counts depends
    /// on whether the one before was stored.
    /// </summary>
    public async Task<Session> BeginAsync(
        IEnumerable<HistogramPoint> points, CancellationToken cancellationToken)
    {
        var keys = points.Select(point => new StreamKey(point)).ToList();
        // in ascending order, so that no two requests wait for each other
        var stripes = keys.Select(key => (int)(key.Family % Stripes)).Distinct().Order().ToList();
        var session = new Session(this, keys);
        try
        {
            foreach (var stripe in stripes)
            {
                await _stripes[stripe].WaitAsync(cancellationToken);
                session.Hold(_stripes[stripe]);
            }
            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>One request; what it saw is remembered by <see cref="Commit"/> and else forgotten.</summary>
    public sealed class Session(CumulativeStreams streams, List<StreamKey> keys) : IDisposable
    {
        readonly List<SemaphoreSlim> _held = [];
        readonly Dictionary<UInt128, (HistogramPoint Point, UInt128 Family)> _seen = [];
        int _next;

        public void Hold(SemaphoreSlim stripe) => _held.Add(stripe);

        /// <summary>
        /// What came with the next of the points that the session began with; null for none, as it was counted before
        /// or is the first. False when there are too many streams to remember this one.
        /// </summary>
        public bool TryTake(HistogramPoint point, out HistogramPoint? delta)
        {
            var key = keys[_next++];
            delta = null;
            var last = _seen.TryGetValue(key.Stream, out var seen) ? seen.Point : streams.LastOf(key.Stream);
            if (last is null)
            {
                if (!streams.HasRoom(_seen.Count))
                    return false;
                delta = streams.CountsFromStart(point, key.Family) ? point : null;
            }
            else if (point.TimeUnixNano > last.TimeUnixNano)
            {
                // one that counts less began anew without saying so: all it counts came since
                delta = HistogramDelta.Between(last, point) ?? point;
            }
            else
            {
                return true;
            }
            // what it is compared with is numbers; the rest may be large
            _seen[key.Stream] = (point with { Instrument = StreamKey.NoInstrument, Attributes = [] }, key.Family);
            return true;
        }

        public void Commit() => streams.Remember(_seen);

        public void Dispose()
        {
            _held.ForEach(stripe => stripe.Release());
            _held.Clear();
        }
    }

    HistogramPoint? LastOf(UInt128 stream)
    {
        lock (_lock)
            return _streams.GetValueOrDefault(stream)?.Last;
    }

    bool HasRoom(int pending)
    {
        lock (_lock)
        {
            if (_cost + pending >= maxStreams)
                Sweep();
            return _cost + pending < maxStreams;
        }
    }

    bool CountsFromStart(HistogramPoint point, UInt128 family)
    {
        lock (_lock)
        {
            if (_families.TryGetValue(family, out var known) &&
                point.TimeUnixNano > known.FirstUnixNano + OneExport)
                return true;
        }
        return point.StartUnixNano >= _startUnixNano && point.TimeUnixNano >= point.StartUnixNano &&
            point.TimeUnixNano - point.StartUnixNano <= NewestStart;
    }

    void Remember(Dictionary<UInt128, (HistogramPoint Point, UInt128 Family)> seen)
    {
        var now = time.GetTimestamp();
        lock (_lock)
        {
            foreach (var (stream, (point, family)) in seen)
            {
                var known = new Known(point, family, now);
                _cost += known.Cost;
                if (_streams.TryGetValue(stream, out var before))
                    _cost -= before.Cost;
                else
                    _families[family] = _families.TryGetValue(family, out var others)
                        ? others with { Streams = others.Streams + 1 }
                        : new Family(point.TimeUnixNano, 1);
                _streams[stream] = known;
            }
            if (time.GetElapsedTime(_lastSwept, now) > Forgotten)
                Sweep();
        }
    }

    void Sweep()
    {
        var now = time.GetTimestamp();
        // full of living streams, it would be looked through for every point
        if (time.GetElapsedTime(_lastSwept, now) < TimeSpan.FromMinutes(1))
            return;
        _lastSwept = now;
        foreach (var (stream, known) in _streams)
        {
            if (time.GetElapsedTime(known.Heard, now) <= Forgotten)
                continue;
            _streams.Remove(stream);
            _cost -= known.Cost;
            var family = _families[known.Family];
            if (family.Streams == 1)
                _families.Remove(known.Family);
            else
                _families[known.Family] = family with { Streams = family.Streams - 1 };
        }
    }
}
