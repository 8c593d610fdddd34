using DuckDB.NET.Data;
using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>The spans of one partition in the order stored.</summary>
static class StoredSpans
{
    /// <param name="start">Place of the first, from 0 on.</param>
    /// <param name="end">Place after the last.</param>
    /// <returns>Each span, and whether it had come before.</returns>
    public static IEnumerable<(Span Span, bool IsRepeat)> Read(
        DuckDBConnection connection, Partition partition, long start, long end)
    {
        if (start >= end)
            yield break;
        var parents = partition.IsSealed ? SpanIds(connection, partition) : [];
        var place = partition.IsSealed ? "seq" : "rowid";
        using var command = connection.Command($"""
            SELECT rowid, {partition.ParentDistance}, {SpanTable.IsRepeat}, {SpanTable.Columns(partition.Layout)}
            FROM {partition.Spans} WHERE {place} >= $1 AND {place} < $2 ORDER BY {place}
            """, start, end);
        command.UseStreamingMode = true;
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        while (row.Read())
        {
            var (id, distance, isRepeat) = (row.Next<long>(), row.NextOrNull<int>(), row.Next<bool>());
            var span = SpanTable.Read(row, partition.Layout, partition.Contents);
            yield return (distance is null
                ? span
                : span with { ParentSpanId = new SpanId(parents[id - distance.Value]) }, isRepeat);
        }
    }

    /// <summary>Has the spans of the last partitions remembered, as far back as they may be sent again.</summary>
    /// <param name="partitions">The newest last.</param>
    public static void Recall(DuckDBConnection connection, IReadOnlyList<Partition> partitions, SeenSpans seen)
    {
        if (partitions.LastOrDefault(partition => partition.SpanCount > 0) is not { } newest)
            return;
        // relative to the newest, as the clock cannot tell how long the server was away
        var since = (newest.ClosedMillis ?? newest.CreatedMillis) - (long)SeenSpans.ResentFor.TotalMilliseconds;
        long left = seen.Capacity;
        foreach (var partition in Enumerable.Reverse(partitions))
        {
            if (left <= 0 || partition.ClosedMillis < since)
                return;
            var place = partition.IsSealed ? "seq" : "rowid";
            var latest = partition.SpanCount <= left ? "" : $"ORDER BY {place} DESC LIMIT {left}";
            using var command = connection.Command($"""
                SELECT trace_high, trace_low, span_id, kind, {SpanTable.IsShared}, service
                FROM {partition.Spans} {latest}
                """);
            command.UseStreamingMode = true;
            using var reader = command.ExecuteReader();
            var row = new RowReader(reader);
            for (; row.Read(); left--)
            {
                seen.Add(new SpanIdentity(new TraceId(row.Next<ulong>(), row.Next<ulong>()),
                    new SpanId(row.Next<ulong>()), (SpanKind)row.Next<int>(), row.Next<bool>(), row.NextText()!));
            }
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
