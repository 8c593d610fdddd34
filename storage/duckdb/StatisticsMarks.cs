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
        const int Hour = StatisticsFile.MinutesOfHour;
        const int Day = StatisticsFile.MinutesOfDay;
        var parts = new List<(string Table, long From, long To)>();
        var end = query.EndMinute;
        var mayBeHours = query.StepMinutes % Hour == 0;
        var mayBeDays = query.StepMinutes % Day == 0;
        for (var minute = Math.Max(query.StartMinute, DaysFrom); minute < end;)
        {
            var hour = StatisticsFile.Floor(minute, Hour);
            var day = StatisticsFile.Floor(minute, Day);
            var isDay = mayBeDays && minute == day && day + Day <= Math.Min(end, DaysUntil);
            var isHour = mayBeHours && minute == hour && hour + Hour <= Math.Min(end, HoursUntil);
            // days before the hours there are, and so on, are one piece, whatever was asked for
            var part = isDay || minute < HoursFrom ? ("days", day, day + Day)
                : isHour || minute < MinutesFrom ? ("hours", hour, hour + Hour)
                : ("minutes", minute, Math.Min(end, hour + Hour));
            if (parts.Count > 0 && parts[^1].Table == part.Item1 && parts[^1].To == part.Item2)
                parts[^1] = parts[^1] with { To = part.Item3 };
            else
                parts.Add(part);
            minute = part.Item3;
        }
        return parts;
    }
}
