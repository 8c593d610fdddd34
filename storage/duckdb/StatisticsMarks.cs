using System.Globalization;
using DuckDB.NET.Data;

namespace Tracing.Storage.DuckDb;

/// <summary>How far the tables of <see cref="StatisticsFile"/> reach; all in minutes since 1970.</summary>
/// <param name="HoursUntil">Minutes before it are merged to hours too.</param>
/// <param name="DaysUntil">Hours before it are merged to days too.</param>
/// <param name="MinutesFrom">Single minutes before it are gone.</param>
/// <param name="HoursFrom">Hours before it are gone.</param>
/// <param name="DaysFrom">Days before it are gone.</param>
readonly record struct StatisticsMarks(
    long HoursUntil, long DaysUntil, long MinutesFrom, long HoursFrom, long DaysFrom)
{
    public static StatisticsMarks Read(DuckDBConnection connection, string database)
    {
        var values = (Schema.ReadMeta(connection, database, "marks") ?? "0 0 0 0 0").Split(' ')
            .Select(value => long.Parse(value, CultureInfo.InvariantCulture)).ToArray();
        return new StatisticsMarks(values[0], values[1], values[2], values[3], values[4]);
    }

    public void Write(DuckDBConnection connection, string database)
    {
        connection.Execute($"DELETE FROM {database}.meta WHERE key = 'marks'");
        connection.Execute($"INSERT INTO {database}.meta VALUES ('marks', $1)", string.Create(
            CultureInfo.InvariantCulture, $"{HoursUntil} {DaysUntil} {MinutesFrom} {HoursFrom} {DaysFrom}"));
    }

    /// <summary>Which table serves which time, without overlap and without a gap.</summary>
    public List<(string Table, long From, long To)> Parts(SeriesQuery query)
    {
        var (start, end) = (Math.Max(query.StartMinute, DaysFrom), query.EndMinute);
        var levels = new[]
        {
            new Level("minutes", 1, long.MaxValue, true),
            new Level("hours", StatisticsFile.MinutesOfHour, HoursUntil,
                query.StepMinutes % StatisticsFile.MinutesOfHour == 0),
            new Level("days", StatisticsFile.MinutesOfDay, DaysUntil,
                query.StepMinutes % StatisticsFile.MinutesOfDay == 0),
        };
        var parts = new List<(string Table, long From, long To)>();
        // days before the hours there are, and so on, are one piece, whatever was asked for
        Cover(levels, parts, start, Math.Min(end, HoursFrom), finest: 2);
        Cover(levels, parts, Math.Max(start, HoursFrom), Math.Min(end, MinutesFrom), finest: 1);
        Cover(levels, parts, Math.Max(start, MinutesFrom), end, finest: 0);
        return parts;
    }

    static void Cover(Level[] levels, List<(string Table, long From, long To)> parts, long from, long to, int finest)
    {
        Cover(levels.Length - 1, from, to);

        // the coarsest in the middle, finer ones at both ends
        void Cover(int at, long from, long to)
        {
            var level = levels[at];
            if (from >= to)
                return;
            if (at == finest)
            {
                parts.Add((level.Table, StatisticsFile.Floor(from, level.Minutes), to));
                return;
            }
            var first = StatisticsFile.Floor(from + level.Minutes - 1, level.Minutes);
            var end = StatisticsFile.Floor(Math.Min(to, level.Until), level.Minutes);
            if (!level.IsAllowed || first >= end)
            {
                Cover(at - 1, from, to);
                return;
            }
            Cover(at - 1, from, first);
            parts.Add((level.Table, first, end));
            Cover(at - 1, end, to);
        }
    }

    /// <param name="Minutes">Of a row.</param>
    /// <param name="Until">Rows end here.</param>
    /// <param name="IsAllowed">Whether the steps asked for are made of them.</param>
    readonly record struct Level(string Table, int Minutes, long Until, bool IsAllowed);
}
