using System.Buffers.Binary;
using DuckDB.NET.Data;
using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>Series and points as rows of <see cref="StatisticsFile"/>. Not thread-safe.</summary>
sealed class StatisticsRows : IDisposable
{
    /// <summary>What <see cref="ReadPoint"/> reads of a series, in its order.</summary>
    public const string SeriesColumns =
        "level, service, operation, kind, is_error, source, peer, peer_operation, side";

    /// <summary>Tables of points, the finest first.</summary>
    public static readonly string[] Tables = ["minutes", "hours", "days"];

    /// <summary>Of one exemplar: its bucket and the low half of the trace's id.</summary>
    const int ExemplarBytes = 12;

    readonly DuckDBConnection _connection;
    readonly string _database;
    readonly Dictionary<Series, int> _ids = [];
    readonly List<Series> _added = [];
    int _lastId;
    readonly TableAppender _series;
    readonly Dictionary<string, TableAppender> _tables;

    public StatisticsRows(DuckDBConnection connection, string database)
    {
        _connection = connection;
        _database = database;
        _series = new TableAppender(connection, database, "series");
        _tables = Tables.ToDictionary(
            table => table, table => new TableAppender(connection, database, table));
        using var command = connection.Command($"SELECT id, {SeriesColumns} FROM {database}.series");
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        while (row.Read())
        {
            var id = row.Next<int>();
            _ids[ReadSeries(row)] = id;
            _lastId = Math.Max(_lastId, id);
        }
    }

    public IEnumerable<Series> Series => _ids.Keys;

    public void Append(string table, IEnumerable<SeriesPoint> points)
    {
        var rows = _tables[table];
        foreach (var point in points)
        {
            rows.Append(point.Minute);
            rows.Append(IdOf(point.Series));
            rows.Append(point.Latencies.Encode());
            rows.Append(point.IsEstimated);
            rows.Append(Encode(point.Exemplars));
            rows.EndRow();
        }
    }

    /// <summary>Merges the rows of a table that start in a range to longer ones of another.</summary>
    public void Merge(string from, string to, long start, long end, int minutes)
    {
        // what was appended before in this transaction must be there
        Flush();
        var firsts = Firsts(from, start, end, minutes);
        foreach (var first in firsts)
        {
            using var command = _connection.Command($"""
                SELECT {SeriesColumns}, minute, latencies, is_estimated, exemplars
                FROM {_database}.{from} JOIN {_database}.series ON id = series
                WHERE minute >= $1 AND minute < $2
                """, first, first + minutes);
            using var reader = command.ExecuteReader();
            var row = new RowReader(reader);
            var points = new List<SeriesPoint>();
            while (row.Read())
                points.Add(ReadPoint(row, ReadSeries(row), withExemplars: true));
            Append(to, SeriesPoints.Merge(points, minutes));
            Compact(from, first, minutes, points);
        }
        Flush();
    }

    /// <summary>Makes one row of those that a point has, since its spans came in several partitions.</summary>
    void Compact(string table, long first, int minutes, List<SeriesPoint> points)
    {
        var merged = SeriesPoints.Merge(points, table == "minutes" ? 1 : StatisticsFile.MinutesOfHour);
        if (merged.Count == points.Count)
            return;
        _connection.Execute(
            $"DELETE FROM {_database}.{table} WHERE minute >= $1 AND minute < $2", first, first + minutes);
        Append(table, merged);
    }

    public static SeriesPoint ReadPoint(RowReader row, in Series series, bool withExemplars)
    {
        var minute = row.Next<long>();
        var latencies = LatencyHistogram.Decode(row.NextBlob()!);
        var isEstimated = row.Next<bool>();
        return new SeriesPoint(
            series, minute, latencies, isEstimated, withExemplars ? Decode(row.NextBlob() ?? []) : null);
    }

    public void Flush()
    {
        _series.Flush();
        foreach (var table in _tables.Values)
            table.Flush();
    }

    public void Publish() => _added.Clear();

    public void Discard()
    {
        _series.Discard();
        foreach (var table in _tables.Values)
            table.Discard();
        _added.ForEach(series => _ids.Remove(series));
        _added.Clear();
    }

    public void Dispose()
    {
        _series.Dispose();
        foreach (var table in _tables.Values)
            table.Dispose();
    }

    List<long> Firsts(string table, long start, long end, int minutes)
    {
        using var command = _connection.Command($"""
            SELECT DISTINCT minute - minute % {minutes} AS first FROM {_database}.{table}
            WHERE minute >= $1 AND minute < $2 ORDER BY first
            """, start, end);
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        var firsts = new List<long>();
        while (row.Read())
            firsts.Add(row.Next<long>());
        return firsts;
    }

    int IdOf(in Series series)
    {
        if (_ids.TryGetValue(series, out var id))
            return id;
        id = ++_lastId;
        _ids.Add(series, id);
        _added.Add(series);
        _series.Append(id);
        _series.Append((byte)series.Level);
        _series.Append(series.Service);
        _series.Append(series.Operation);
        _series.Append((byte)series.Kind);
        _series.Append(series.IsError);
        _series.Append((byte)series.Source);
        _series.Append(series.Peer);
        _series.Append(series.PeerOperation);
        _series.Append((byte)series.Side);
        _series.EndRow();
        return id;
    }

    public static Series ReadSeries(RowReader row) => new(
        (SeriesLevel)row.Next<byte>(), row.NextText()!, row.NextText()!, (SpanKind)row.Next<byte>(),
        row.Next<bool>(), (SeriesSource)row.Next<byte>(), row.NextText()!, row.NextText()!, (EdgeSide)row.Next<byte>());

    static byte[] Encode(IReadOnlyDictionary<int, ulong>? exemplars)
    {
        var bytes = new byte[(exemplars?.Count ?? 0) * ExemplarBytes];
        var rest = bytes.AsSpan();
        foreach (var (bucket, traceLow) in exemplars ?? new Dictionary<int, ulong>())
        {
            BinaryPrimitives.WriteInt32LittleEndian(rest, bucket);
            BinaryPrimitives.WriteUInt64LittleEndian(rest[4..], traceLow);
            rest = rest[ExemplarBytes..];
        }
        return bytes;
    }

    static Dictionary<int, ulong> Decode(ReadOnlySpan<byte> bytes)
    {
        var exemplars = new Dictionary<int, ulong>(bytes.Length / ExemplarBytes);
        for (; bytes.Length >= ExemplarBytes; bytes = bytes[ExemplarBytes..])
        {
            exemplars[BinaryPrimitives.ReadInt32LittleEndian(bytes)] =
                BinaryPrimitives.ReadUInt64LittleEndian(bytes[4..]);
        }
        return exemplars;
    }
}
