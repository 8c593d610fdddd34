using DuckDB.NET.Data;
using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>The spans of one partition in the order stored.</summary>
static class StoredSpans
{
    /// <param name="start">Place of the first, from 0 on.</param>
    /// <param name="end">Place after the last.</param>
    public static IEnumerable<Span> Read(DuckDBConnection connection, Partition partition, long start, long end)
    {
        if (start >= end)
            yield break;
        var parents = partition.IsSealed ? SpanIds(connection, partition) : [];
        var place = partition.IsSealed ? "seq" : "rowid";
        using var command = connection.Command($"""
            SELECT rowid, {partition.ParentDistance}, {SpanTable.Columns(partition.Layout)} FROM {partition.Spans}
            WHERE {place} >= $1 AND {place} < $2 ORDER BY {place}
            """, start, end);
        command.UseStreamingMode = true;
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        while (row.Read())
        {
            var (id, distance) = (row.Next<long>(), row.NextOrNull<int>());
            var span = SpanTable.Read(row, partition.Layout, partition.Contents);
            yield return distance is null
                ? span
                : span with { ParentSpanId = new SpanId(parents[id - distance.Value]) };
        }
    }

    /// <summary>By row.</summary>
    static ulong[] SpanIds(DuckDBConnection connection, Partition partition)
    {
        var ids = new ulong[partition.SpanCount];
        using var command = connection.Command($"SELECT rowid, span_id FROM {partition.Spans}");
        command.UseStreamingMode = true;
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        while (row.Read())
            ids[row.Next<long>()] = row.Next<ulong>();
        return ids;
    }
}
