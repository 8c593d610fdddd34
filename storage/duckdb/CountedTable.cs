using DuckDB.NET.Data;

namespace Tracing.Storage.DuckDb;

/// <summary>What was counted but not stored: <see cref="SpanBatch.Counted"/>, until the statistics have it.</summary>
sealed class CountedTable(RowAppender appender)
{
    public void Append(SeriesPoint point)
    {
        var series = point.Series;
        appender.Append((byte)series.Level);
        appender.Append(series.Service);
        appender.Append(series.Operation);
        appender.Append((byte)series.Kind);
        appender.Append(series.IsError);
        appender.Append((byte)series.Source);
        appender.Append(series.Peer);
        appender.Append(series.PeerOperation);
        appender.Append((byte)series.Side);
        appender.Append(point.Minute);
        appender.Append(point.Latencies.Encode());
        appender.Append(point.IsEstimated);
        appender.EndRow();
    }

    public void Discard() => appender.Discard();

    /// <summary>Rows from one to before another, in the order stored.</summary>
    public static List<SeriesPoint> Read(DuckDBConnection connection, Partition partition, long start, long end)
    {
        var points = new List<SeriesPoint>();
        if (start >= end)
            return points;
        // in a sealed partition it is a view of a list
        var place = partition.IsSealed ? "row_number() OVER () - 1" : "rowid";
        using var command = connection.Command($"""
            SELECT {StatisticsRows.SeriesColumns}, minute, latencies, is_estimated
            FROM (SELECT *, {place} AS place FROM {Sql.Quote(partition.Database)}.counted)
            WHERE place >= $1 AND place < $2 ORDER BY place
            """, start, end);
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        while (row.Read())
            points.Add(StatisticsRows.ReadPoint(row, StatisticsRows.ReadSeries(row), withExemplars: false));
        return points;
    }

    /// <summary>How many rows a partition has.</summary>
    public static long CountRows(DuckDBConnection connection, string database) =>
        (long)connection.Scalar($"SELECT count(*) FROM {Sql.Quote(database)}.counted")!;
}
