using System.Globalization;
using DuckDB.NET.Data;

namespace Tracing.Storage.DuckDb;

/// <summary>How far the tables of <see cref="StatisticsFile"/> reach, as it is written there.</summary>
static class StatisticsMarks
{
    public static LevelRanges Read(DuckDBConnection connection, string database)
    {
        var values = (Schema.ReadMeta(connection, database, "marks") ?? "0 0 0 0 0").Split(' ')
            .Select(value => long.Parse(value, CultureInfo.InvariantCulture)).ToArray();
        return new LevelRanges(values[0], values[1], values[2], values[3], values[4]);
    }

    public static void Write(DuckDBConnection connection, string database, LevelRanges marks)
    {
        connection.Execute($"DELETE FROM {database}.meta WHERE key = 'marks'");
        connection.Execute($"INSERT INTO {database}.meta VALUES ('marks', $1)", string.Create(
            CultureInfo.InvariantCulture,
            $"{marks.HoursUntil} {marks.DaysUntil} {marks.MinutesFrom} {marks.HoursFrom} {marks.DaysFrom}"));
    }
}
