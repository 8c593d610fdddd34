using System.Runtime.CompilerServices;
using DuckDB.NET.Data;
using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// What a search has to know of each trace of a partition to rank traces without asking DuckDB: by the low half of the
/// id, then the high one, as a sealed partition's rows are.
/// </summary>
sealed class TraceTable
{
    /// <summary>Stands for the spans of Zipkin in <see cref="MayHave"/>; the bits below for resources.</summary>
    public const int ZipkinBit = 63;

    readonly ulong[] _lows;
    readonly ulong[] _highs;
    readonly int[] _firstRows;
    // -1 where only repeats of rows elsewhere failed
    readonly int[] _errors;

    // rows that are no spans of their own; null where there are none
    readonly int[]? _repeats;
    readonly ulong[] _starts;
    readonly ulong[] _lengths;
    readonly ulong[] _resources;

    // weakly, as either may be forgotten
    readonly ConditionalWeakTable<TraceTable, SharedTraces> _shared = [];

    TraceTable(List<Row> rows)
    {
        _lows = [.. rows.Select(row => row.Low)];
        _highs = [.. rows.Select(row => row.High)];
        _firstRows = new int[rows.Count + 1];
        for (var i = 0; i < rows.Count; i++)
            _firstRows[i + 1] = _firstRows[i] + rows[i].Spans;
        _errors = [.. rows.Select(row => row.Errors == 0 && row.HasError ? -1 : row.Errors)];
        if (rows.Exists(row => row.Repeats > 0))
            _repeats = [.. rows.Select(row => row.Repeats)];
        _starts = [.. rows.Select(row => row.Start)];
        _lengths = [.. rows.Select(row => row.Length)];
        _resources = [.. rows.Select(row => row.Resources)];
    }

    public int Count => _lows.Length;

    public TraceId Id(int trace) => new(_highs[trace], _lows[trace]);

    public TraceSum Sum(int trace) => new(
        _firstRows[trace + 1] - _firstRows[trace] - (_repeats?[trace] ?? 0), Math.Max(0, _errors[trace]),
        _starts[trace], _lengths[trace]);

    /// <summary>Of the trace of an id, or of all with its low half.</summary>
    public TraceSum SumOf(TraceId id, bool strict)
    {
        var sum = default(TraceSum);
        var first = Array.BinarySearch(_lows, id.Low);
        while (first > 0 && _lows[first - 1] == id.Low)
            first--;
        for (var trace = first; trace >= 0 && trace < Count && _lows[trace] == id.Low; trace++)
            sum += !strict || _highs[trace] == id.High ? Sum(trace) : default;
        return sum;
    }

    /// <summary>The trace of a row; only of a whole sealed partition, where the rows of a trace are together.</summary>
    public int TraceOf(int row)
    {
        var found = Array.BinarySearch(_firstRows, row);
        return found >= 0 ? found : ~found - 1;
    }

    /// <summary>Whether a trace has this low half of an id.</summary>
    public bool HasLow(ulong low) => Array.BinarySearch(_lows, low) >= 0;

    /// <summary>Whether a trace has one of these low halves, which are in their order.</summary>
    public bool HasAnyLow(List<ulong> lows)
    {
        for (int i = 0, j = 0; i < Count && j < lows.Count;)
        {
            if (_lows[i] == lows[j])
                return true;
            if (_lows[i] < lows[j])
                i++;
            else
                j++;
        }
        return false;
    }

    /// <summary>Where a trace is that is here.</summary>
    public int IndexOf(TraceId id)
    {
        var index = Array.BinarySearch(_lows, id.Low);
        while (_highs[index] != id.High)
            index += _highs[index] < id.High ? 1 : -1;
        return index;
    }

    /// <summary>Whether a trace may have a span that meets a condition and starts within the window.</summary>
    public bool MayHave(int trace, SqlCondition condition, ulong from, ulong to) =>
        (_resources[trace] & condition.Resources) != 0 && (!condition.IsError || _errors[trace] != 0) &&
        // spans without a start are found by a window from 0 on
        (from == 0 || (_starts[trace] < to && from - Math.Min(from, _starts[trace]) <= _lengths[trace]));

    /// <summary>The bit that stands for a resource, and for some others.</summary>
    public static ulong BitOf(int resourceId) => 1ul << (int)((uint)resourceId % ZipkinBit);

    /// <param name="snapshot">Of the spans stored up to it.</param>
    /// <param name="lows">Of the traces of these low halves; null for all.</param>
    public static TraceTable Read(
        DuckDBConnection connection, Partition partition, long snapshot, List<ulong>? lows = null)
    {
        var isWanted = lows is null ? "true" : "trace_low IN (SELECT unnest($1::UBIGINT[]))";
        using var command = connection.Command($"""
            SELECT trace_low, trace_high, count(*)::INTEGER, (count(*) FILTER ({SpanTable.IsRepeat}))::INTEGER,
                (count(*) FILTER ({SpanTable.IsFirstFailure}))::INTEGER,
                bool_or(status = {(int)StatusCode.Error}),
                coalesce(min(start_ns) FILTER (start_ns > 0), 0)::UBIGINT,
                least({ulong.MaxValue}, {SpanTable.TraceDuration(SpanTable.KnownDuration)})::UBIGINT,
                bit_or(1::UBIGINT << CASE origin WHEN 1 THEN {ZipkinBit} ELSE resource_id % {ZipkinBit} END)::UBIGINT
            FROM {partition.Spans} WHERE {partition.IsStoredBy(snapshot)} AND {isWanted}
            GROUP BY trace_low, trace_high ORDER BY trace_low, trace_high
            """, lows is null ? [] : [lows]);
        command.UseStreamingMode = true;
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        var rows = new List<Row>();
        while (row.Read())
        {
            rows.Add(new Row(row.Next<ulong>(), row.Next<ulong>(), row.Next<int>(), row.Next<int>(), row.Next<int>(),
                row.Next<bool>(), row.Next<ulong>(), row.Next<ulong>(), row.Next<ulong>()));
        }
        return new TraceTable(rows);
    }

    /// <summary>The traces that are in two partitions.</summary>
    public SharedTraces SharedWith(TraceTable other) => _shared.GetValue(other, FindShared);

    SharedTraces FindShared(TraceTable other)
    {
        var isLowShared = false;
        List<int> own = [], others = [];
        for (int i = 0, j = 0; i < Count && j < other.Count;)
        {
            isLowShared |= _lows[i] == other._lows[j];
            var order = (_lows[i], _highs[i]).CompareTo((other._lows[j], other._highs[j]));
            if (order == 0)
            {
                own.Add(i);
                others.Add(j);
            }
            i += order <= 0 ? 1 : 0;
            j += order >= 0 ? 1 : 0;
        }
        return new SharedTraces([.. own], [.. others], isLowShared);
    }

    readonly record struct Row(
        ulong Low, ulong High, int Spans, int Repeats, int Errors, bool HasError, ulong Start, ulong Length,
        ulong Resources);
}

/// <summary>Indexes of the traces that two partitions share, in each.</summary>
/// <param name="IsLowShared">Whether at least the low half of an id is in both.</param>
sealed record SharedTraces(int[] Own, int[] Others, bool IsLowShared);

/// <summary>What traces are ranked by, of the rows of one or of several partitions.</summary>
/// <param name="Start">The earliest, in nanoseconds since 1970; 0 when none is known.</param>
/// <param name="Length">
/// From there to the latest end, in nanoseconds; without a start the longest duration of a span.
/// </param>
readonly record struct TraceSum(int Spans, int Errors, ulong Start, ulong Length)
{
    public static TraceSum operator +(TraceSum one, TraceSum other)
    {
        var (spans, errors) = (one.Spans + other.Spans, one.Errors + other.Errors);
        if (one.Start == 0 || other.Start == 0)
        {
            var length = (one.Start == 0) == (other.Start == 0) ? Math.Max(one.Length, other.Length)
                : one.Start == 0 ? other.Length : one.Length;
            return new TraceSum(spans, errors, Math.Max(one.Start, other.Start), length);
        }
        var start = Math.Min(one.Start, other.Start);
        var end = UInt128.Max((UInt128)one.Start + one.Length, (UInt128)other.Start + other.Length);
        return new TraceSum(spans, errors, start, (ulong)UInt128.Min(end - start, ulong.MaxValue));
    }

    /// <summary>No span starts after it.</summary>
    public ulong LastStart => Length > ulong.MaxValue - Start ? ulong.MaxValue : Start + Length;

    /// <summary>The last, or the first, moment within a window at which a span may start.</summary>
    // spans without a start are found by a window from 0 on
    public ulong Bound(bool isLast, ulong from, ulong to) =>
        isLast ? Math.Min(LastStart, to - 1) : from == 0 ? 0 : Math.Max(from, Start);

    /// <summary>
    /// As <see cref="TraceMatch"/> computes it, but that what was forgotten when it came again counts too.
    /// </summary>
    public ulong Value(SearchOrder order) => order switch
    {
        SearchOrder.MostSpans => (ulong)Spans,
        SearchOrder.MostErrors => (ulong)Errors,
        _ => Math.Min(Length, long.MaxValue),
    };
}

/// <summary>
/// The tables of sealed partitions, made when they are first asked for and kept while there is room for them.
/// </summary>
/// <param name="maxTraces">Of all tables; each takes 48 bytes, or 52.</param>
sealed class TraceTables(int maxTraces)
{
    readonly Lock _lock = new();

    // the one used last comes last
    readonly OrderedDictionary<Partition, TraceTable> _tables = [];

    /// <summary>Whether there is room for the tables of all these partitions.</summary>
    public bool Fit(IReadOnlyList<Partition> partitions) =>
        partitions.Sum(partition => partition.Filter.Traces) <= maxTraces;

    /// <summary>The table of all spans of a sealed partition, if it is there.</summary>
    public TraceTable? Find(Partition partition)
    {
        lock (_lock)
        {
            if (!_tables.Remove(partition, out var known))
                return null;
            _tables.Add(partition, known);
            return known;
        }
    }

    /// <summary>A table of the spans stored up to a number.</summary>
    public TraceTable Get(DuckDBConnection connection, Partition partition, long snapshot) =>
        !partition.IsWhole(snapshot)
            ? TraceTable.Read(connection, partition, snapshot)
            : Find(partition) ?? Add(partition, TraceTable.Read(connection, partition, snapshot));

    /// <summary>Makes one of the tables that are not there and fit, of the newest partitions first.</summary>
    /// <returns>Whether there was one to make.</returns>
    public bool MakeNext(DuckDBConnection connection, IReadOnlyList<Partition> partitions)
    {
        foreach (var partition in partitions.Where(each => each.IsSealed).Reverse())
        {
            lock (_lock)
            {
                if (_tables.ContainsKey(partition))
                    continue;
                if (_tables.Values.Sum(each => (long)each.Count) + partition.Filter.Traces > maxTraces)
                    return false;
            }
            Get(connection, partition, long.MaxValue);
            return true;
        }
        return false;
    }

    TraceTable Add(Partition partition, TraceTable table)
    {
        lock (_lock)
        {
            foreach (var retired in _tables.Keys.Where(each => each.IsRetired).ToList())
                _tables.Remove(retired);
            _tables[partition] = table;
            for (var traces = _tables.Values.Sum(each => (long)each.Count); traces > maxTraces && _tables.Count > 1;)
            {
                traces -= _tables.GetAt(0).Value.Count;
                _tables.RemoveAt(0);
            }
        }
        return table;
    }
}
