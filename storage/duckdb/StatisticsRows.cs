using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
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

    /// <summary>
    /// Of one exemplar: its bucket in 2 bytes, its seconds since 1970 in 4, both halves of the trace's id.
    /// </summary>
    const int ExemplarBytes = 22;

    readonly DuckDBConnection _connection;
    readonly string _database;
    readonly Dictionary<Series, int> _ids = [];
    readonly List<Series> _added = [];
    int _lastId;
    readonly TableAppender _series;
    readonly Dictionary<string, TableAppender> _tables;

    // used again and again
    readonly LatencyHistogram _latencies = new();
    readonly ArrayBufferWriter<byte> _bytes = new();

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
        // each name in memory once
        var names = new Dictionary<string, string>();
        while (row.Read())
        {
            var id = row.Next<int>();
            var series = ReadSeries(row);
            _ids[series with
            {
                Service = Same(series.Service),
                Operation = Same(series.Operation),
                Peer = Same(series.Peer),
                PeerOperation = Same(series.PeerOperation),
            }] = id;
            _lastId = Math.Max(_lastId, id);
        }

        string Same(string name) => CollectionsMarshal.GetValueRefOrAddDefault(names, name, out _) ??= name;
    }

    public IEnumerable<Series> Series => _ids.Keys;

    public void Append(string table, IEnumerable<SeriesPoint> points)
    {
        foreach (var point in points)
        {
            Append(_tables[table], IdOf(point.Series), point.Minute, point.Latencies, point.IsEstimated,
                point.Exemplars);
        }
    }

    /// <summary>Appends the points of a series, by time.</summary>
    public void Append(string table, ByMinute<LatencyCounts> series)
    {
        var id = IdOf(series.Series);
        foreach (var (minute, counts) in series.All.OrderBy(each => each.Key))
        {
            _latencies.Clear();
            counts.AddTo(_latencies);
            var exemplars = new ExemplarSet();
            counts.AddTo(exemplars);
            Append(_tables[table], id, minute, _latencies, counts.IsEstimated, exemplars.ByBucket);
        }
    }

    void Append(TableAppender rows, int series, long minute, LatencyHistogram latencies, bool isEstimated,
        IReadOnlyDictionary<int, TraceExemplar>? exemplars)
    {
        rows.Append(minute);
        rows.Append(series);
        _bytes.ResetWrittenCount();
        latencies.Encode(_bytes);
        rows.Append(_bytes.WrittenSpan);
        rows.Append(isEstimated);
        _bytes.ResetWrittenCount();
        Encode(exemplars, _bytes);
        rows.Append(_bytes.WrittenSpan);
        rows.EndRow();
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

    /// <summary>Adds a row after its minute; blocks of the file have been checked by DuckDB.</summary>
    public static void AddTo(SeriesPoints.Merged point, RowReader row, bool withExemplars)
    {
        var latencies = row.NextBlob()!;
        point.Add(latencies, row.Next<bool>());
        if (withExemplars)
            point.Add(Decode(row.NextBlob() ?? []));
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

    public static Series ReadSeries(RowReader row)
    {
        return new((SeriesLevel)row.Next<byte>(), Name(), Name(), (SpanKind)row.Next<byte>(), row.Next<bool>(),
            (SeriesSource)row.Next<byte>(), Name(), Name(), (EdgeSide)row.Next<byte>());

        // earlier servers did not cut them
        string Name() => SeriesNames.Cut(row.NextText()!);
    }

    static void Encode(IReadOnlyDictionary<int, TraceExemplar>? exemplars, ArrayBufferWriter<byte> output)
    {
        if (exemplars is null)
            return;
        var rest = output.GetSpan(exemplars.Count * ExemplarBytes);
        foreach (var (bucket, (trace, seconds)) in exemplars)
        {
            BinaryPrimitives.WriteInt16LittleEndian(rest, (short)bucket);
            BinaryPrimitives.WriteUInt32LittleEndian(rest[2..], seconds);
            BinaryPrimitives.WriteUInt64LittleEndian(rest[6..], trace.Low);
            BinaryPrimitives.WriteUInt64LittleEndian(rest[14..], trace.High);
            rest = rest[ExemplarBytes..];
        }
        output.Advance(exemplars.Count * ExemplarBytes);
    }

    static Dictionary<int, TraceExemplar> Decode(ReadOnlySpan<byte> bytes)
    {
        var exemplars = new Dictionary<int, TraceExemplar>(bytes.Length / ExemplarBytes);
        for (; bytes.Length >= ExemplarBytes; bytes = bytes[ExemplarBytes..])
        {
            var trace = new TraceId(BinaryPrimitives.ReadUInt64LittleEndian(bytes[14..]),
                BinaryPrimitives.ReadUInt64LittleEndian(bytes[6..]));
            exemplars[BinaryPrimitives.ReadInt16LittleEndian(bytes)] =
                new TraceExemplar(trace, BinaryPrimitives.ReadUInt32LittleEndian(bytes[2..]));
        }
        return exemplars;
    }
}
