using Tracing.Collector;
using Tracing.Model;
using Tracing.Model.Wire;
using Xunit;

namespace Tracing.Tests;

public sealed class CumulativeStreamsTests
{
    readonly TestClock _clock = new();
    readonly CumulativeStreams _streams;

    public CumulativeStreamsTests() => _streams = new CumulativeStreams(10, _clock);

    [Fact]
    public async Task A_stream_that_began_just_now_counts_from_its_start_and_then_what_came()
    {
        Assert.Equal([1, 2, 0], (await TakeAsync(Point(0, 60, 1, 2, 0)))?.BucketCounts);
        var delta = await TakeAsync(Point(0, 120, 1, 5, 7));
        Assert.Equal([0, 3, 7], delta?.BucketCounts);
        Assert.Equal(10UL, delta?.Count);
        Assert.Equal(At(60), delta?.StartUnixNano);
    }

    [Theory]
    [InlineData(-1, 60)]
    [InlineData(0, 301)]
    public async Task A_stream_that_began_long_ago_or_before_this_process_begins_to_count_here(int start, int at)
    {
        Assert.Null(await TakeAsync(Point(start, at, 1, 2, 3)));
        Assert.Equal([1, 0, 0], (await TakeAsync(Point(start, at + 60, 2, 2, 3)))?.BucketCounts);
    }

    [Fact]
    public async Task A_stream_that_joins_others_of_its_family_counts_from_its_first_point()
    {
        Assert.Null(await TakeAsync(Point(-1000, 60, 1, 2, 3)));
        // of the same export
        Assert.Null(await TakeAsync(Point(-1000, 60, 1, 2, 3) with { Attributes = Route("/b") }));
        Assert.Equal([1, 2, 3], (await TakeAsync(Point(-1000, 120, 1, 2, 3) with { Attributes = Route("/c") }))?
            .BucketCounts);
    }

    [Fact]
    public async Task A_point_that_comes_again_or_late_counts_nothing()
    {
        await TakeAsync(Point(0, 60, 1, 0, 0));
        await TakeAsync(Point(0, 120, 2, 0, 0));
        Assert.Null(await TakeAsync(Point(0, 120, 2, 0, 0)));
        Assert.Null(await TakeAsync(Point(0, 60, 1, 0, 0)));
        Assert.Equal(1UL, (await TakeAsync(Point(0, 180, 3, 0, 0)))?.Count);
    }

    [Fact]
    public async Task A_new_start_is_a_reset_and_so_is_a_lower_count()
    {
        await TakeAsync(Point(0, 60, 9, 9, 9));
        Assert.Equal([1, 0, 0], (await TakeAsync(Point(90, 120, 1, 0, 0)))?.BucketCounts);
        // without a start
        Assert.Null(await TakeAsync(Point(0, 60, 5, 5, 5) with { StartUnixNano = 0 }));
        Assert.Equal([6, 0, 6], (await TakeAsync(Point(0, 120, 6, 0, 6) with { StartUnixNano = 0 }))?.BucketCounts);
    }

    [Fact]
    public async Task What_was_not_stored_is_counted_by_the_next_point()
    {
        await TakeAsync(Point(0, 60, 1, 0, 0));
        Assert.Equal(1UL, (await TakeAsync(Point(0, 120, 2, 0, 0), commit: false))?.Count);
        Assert.Equal(2UL, (await TakeAsync(Point(0, 180, 3, 0, 0)))?.Count);
    }

    [Fact]
    public async Task Points_of_one_request_follow_one_another()
    {
        HistogramPoint[] points = [Point(0, 60, 1, 0, 0), Point(0, 120, 4, 0, 0)];
        using var session = await _streams.BeginAsync(points, CancellationToken.None);
        Assert.True(session.TryTake(points[0], out var first));
        Assert.True(session.TryTake(points[1], out var second));
        Assert.Equal((1UL, 3UL), (first?.Count, second?.Count));
    }

    [Fact]
    public async Task Requests_of_one_stream_wait_for_each_other()
    {
        HistogramPoint[] points = [Point(0, 60, 1, 0, 0)];
        Task<CumulativeStreams.Session> next;
        using (await _streams.BeginAsync(points, CancellationToken.None))
        {
            next = _streams.BeginAsync(points, CancellationToken.None);
            Assert.False(next.IsCompleted);
        }
        (await next).Dispose();
    }

    [Fact]
    public async Task Streams_beyond_the_bound_are_refused_until_others_are_forgotten()
    {
        for (var i = 0; i < 10; i++)
            await TakeAsync(Point(0, 60, 1, 0, 0) with { Attributes = Route($"/{i}") });
        Assert.Equal(10, _streams.Count);
        await Assert.ThrowsAsync<InvalidOperationException>(
            () => TakeAsync(Point(0, 60, 1, 0, 0) with { Attributes = Route("/one more") }));
        _clock.Advance(TimeSpan.FromMinutes(16));
        Assert.NotNull(await TakeAsync(Point(900, 960, 1, 0, 0) with { Attributes = Route("/one more") }));
        Assert.Equal(1, _streams.Count);
    }

    [Fact]
    public async Task An_exponential_histogram_may_lower_its_scale()
    {
        await TakeAsync(Exponential(60, scale: 1, offset: -3, 1, 1, 1));
        // at scale 0 the buckets -3, -2 and -1 are -2 and -1
        var delta = await TakeAsync(Exponential(120, scale: 0, offset: -2, 2, 2, 5));
        Assert.Equal((0, -2), (delta?.Scale, delta?.Offset));
        Assert.Equal([1, 0, 5], delta?.BucketCounts);
    }

    [Fact]
    public void The_delta_of_two_points_is_what_was_counted_between_them()
    {
        var random = new Random(5);
        for (var round = 0; round < 1000; round++)
        {
            var (earlier, added) = (SomeCounts(random), SomeCounts(random));
            var later = earlier.Zip(added, (one, other) => one + other).ToArray();
            var shift = random.Next(3);
            var delta = HistogramDelta.Between(
                Exponential(60, 3, -5, earlier), Coarsened(Exponential(120, 3, -5, later), shift));
            var expected = Coarsened(Exponential(120, 3, -5, added), shift);
            Assert.Equal(expected.BucketCounts, delta?.BucketCounts);
            Assert.Equal(expected.Count, delta?.Count);
        }
    }

    async Task<HistogramPoint?> TakeAsync(HistogramPoint point, bool commit = true)
    {
        using var session = await _streams.BeginAsync([point], CancellationToken.None);
        if (!session.TryTake(point, out var delta))
            throw new InvalidOperationException("no room");
        if (commit)
            session.Commit();
        return delta;
    }

    static ulong[] SomeCounts(Random random) => [.. Enumerable.Range(0, 20).Select(_ => (ulong)random.Next(4))];

    static HistogramPoint Coarsened(HistogramPoint point, int shift)
    {
        var counts = point.BucketCounts.Select((count, i) => (Place: (point.Offset + i) >> shift, count))
            .GroupBy(each => each.Place).OrderBy(group => group.Key)
            .Select(group => group.Aggregate(0UL, (sum, each) => sum + each.count)).ToArray();
        return point with { Scale = point.Scale - shift, Offset = point.Offset >> shift, BucketCounts = counts };
    }

    static HistogramPoint Exponential(int at, int scale, int offset, params ulong[] counts) =>
        Point(0, at, counts) with { Bounds = null, Scale = scale, Offset = offset };

    static HistogramPoint Point(int start, int at, params ulong[] counts) => new()
    {
        Instrument = new MetricInstrument(),
        Attributes = Route("/a"),
        StartUnixNano = At(start),
        TimeUnixNano = At(at),
        Count = counts.Aggregate(0UL, (sum, count) => sum + count),
        Bounds = [0.1, 1],
        BucketCounts = counts,
    };

    static KeyValue[] Route(string route) => [new("http.route", new AttributeValue(route))];

    /// <summary>Seconds after the start of this process.</summary>
    static ulong At(int seconds) =>
        (ulong)((new TestClock().GetUtcNow().ToUnixTimeSeconds() + seconds) * 1_000_000_000);
}
