using Tracing.Storage;
using Xunit;

namespace Tracing.Tests;

/// <summary>Which level of statistics serves which time.</summary>
public sealed class LevelRangesTests
{
    [Fact]
    public void Each_minute_that_is_kept_is_read_once_whatever_is_kept_for_how_long()
    {
        var random = new Random(1);
        for (var round = 0; round < 400; round++)
        {
            var keep = (Some(random), Some(random), Some(random));
            var now = 20_000_000L + random.Next(100_000);
            var first = now;
            var ranges = default(LevelRanges);
            for (var i = random.Next(1, 8); i > 0; i--)
            {
                now += Some(random) % 200_000;
                ranges = ranges.MovedTo(now, keep);
            }
            for (var i = 0; i < 20; i++)
                AssertReadOnce(ranges, Query(random, first, now), random, $"seed {round}");
        }
    }

    [Fact]
    public void So_it_is_where_rows_end_by_their_time_to_live()
    {
        var random = new Random(2);
        for (var round = 0; round < 400; round++)
        {
            var now = 20_000_000L + random.Next(100_000);
            var ranges = new LevelRanges(long.MaxValue, long.MaxValue, LevelRanges.Ceiling(now - Some(random), 60),
                LevelRanges.Ceiling(now - Some(random), 1440), LevelRanges.Ceiling(now - Some(random), 1440));
            for (var i = 0; i < 20; i++)
                AssertReadOnce(ranges, Query(random, now - 100_000, now), random, $"seed {round}");
        }
    }

    static void AssertReadOnce(LevelRanges ranges, SeriesQuery query, Random random, string seed)
    {
        var parts = ranges.Parts(query);
        var borders = new[]
        {
            ranges.MinutesFrom, ranges.HoursFrom, ranges.DaysFrom, ranges.HoursUntil, ranges.DaysUntil,
            query.StartMinute, query.EndMinute,
        };
        for (var i = 0; i < 100; i++)
        {
            var near = Math.Clamp(borders[random.Next(borders.Length)], query.StartMinute, query.EndMinute - 1);
            var minute = Math.Clamp(
                near + random.Next(-2000, 2000) / (1 + random.Next(100)), query.StartMinute, query.EndMinute - 1);
            var read = parts.FindAll(part => LevelRanges.Floor(minute, MinutesOf(part.Level)) is var row &&
                row >= part.From && row < part.To);
            Assert.InRange(read.Count, IsKept(ranges, minute) ? 1 : 0, 1);
            Assert.True(read.Count == 0 || !IsKept(ranges, minute) || IsThere(ranges, read[0].Level, minute),
                $"{seed}: minute {minute} is not in level {read.FirstOrDefault().Level} of {ranges}, {query}");
        }
    }

    static bool IsKept(LevelRanges ranges, long minute) =>
        Enumerable.Range(0, 3).Any(level => IsThere(ranges, level, minute));

    static bool IsThere(LevelRanges ranges, int level, long minute) => level switch
    {
        LevelRanges.Minutes => minute >= ranges.MinutesFrom,
        LevelRanges.Hours => minute >= ranges.HoursFrom && minute < ranges.HoursUntil,
        _ => minute >= ranges.DaysFrom && minute < ranges.DaysUntil,
    };

    static int MinutesOf(int level) => level switch { LevelRanges.Days => 1440, LevelRanges.Hours => 60, _ => 1 };

    static SeriesQuery Query(Random random, long first, long now)
    {
        var start = random.Next(4) == 0 ? 0 : first + random.NextInt64(Math.Max(1, now - first + 2000));
        return new SeriesQuery
        {
            Level = SeriesLevel.Operation,
            StartMinute = start,
            EndMinute = random.Next(4) == 0 ? long.MaxValue / 2 : start + 1 + random.Next(200_000),
            StepMinutes = new[] { 0, 1, 7, 60, 1440, 2880 }[random.Next(6)],
        };
    }

    /// <summary>From a minute to years.</summary>
    static long Some(Random random) => (long)Math.Pow(10, random.NextDouble() * 6);
}
