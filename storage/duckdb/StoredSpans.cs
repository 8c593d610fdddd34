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
        var recalled = new List<(Partition Partition, long Left)>();
        foreach (var partition in Enumerable.Reverse(partitions))
        {
            if (left <= 0 || partition.ClosedMillis < since)
                break;
            recalled.Insert(0, (partition, left));
            left -= partition.SpanCount;
        }
        foreach (var (partition, latest) in recalled)
            RecallWhole(connection, partition, latest, seen);
        foreach (var (partition, latest) in recalled)
            RecallHalves(connection, partition, latest, seen);
    }

    static void RecallWhole(DuckDBConnection connection, Partition partition, long latest, SeenSpans seen)
    {
        using var command = connection.Command($"""
            SELECT trace_high, trace_low, span_id, kind, {SpanTable.IsShared}, service, origin, start_ns, status
            FROM {Latest(partition, latest)} WHERE NOT {IsHalf}
            """);
        command.UseStreamingMode = true;
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        while (row.Read())
        {
            var key = new SpanIdentity(new TraceId(row.Next<ulong>(), row.Next<ulong>()),
                new SpanId(row.Next<ulong>()), (SpanKind)row.Next<int>(), row.Next<bool>(), row.NextText()!);
            seen.Recall(key, (SpanOrigin)row.Next<byte>() == SpanOrigin.Zipkin, row.Next<ulong>(),
                (StatusCode)row.Next<int>() == StatusCode.Error, partition.CreatedMillis);
        }
    }

    /// <summary>Takes in what is not complete as it was when it came.</summary>
    static void RecallHalves(DuckDBConnection connection, Partition partition, long latest, SeenSpans seen)
    {
        var place = partition.IsSealed ? "seq" : "rowid";
        using var command = connection.Command($"""
            SELECT {SpanTable.Columns(partition.Layout)}
            FROM {Latest(partition, latest)} WHERE {IsHalf} ORDER BY {place}
            """);
        command.UseStreamingMode = true;
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        while (row.Read())
        {
            var span = SpanTable.Read(row, partition.Layout, partition.Contents);
            seen.Add(span, SearchNames.Of(span).Service, partition.CreatedMillis);
            seen.Publish();
        }
    }

    const string IsHalf = $"(start_ns = 0 OR {SpanTable.KnownDuration} IS NULL)";

    static string Latest(Partition partition, long latest)
    {
        var (columns, place) = partition.IsSealed ? ("*", "seq") : ("*, rowid", "rowid");
        return partition.SpanCount <= latest
            ? partition.Spans
            : $"(SELECT {columns} FROM {partition.Spans} ORDER BY {place} DESC LIMIT {latest})";
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
