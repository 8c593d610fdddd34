using System.Collections.Frozen;
using System.Globalization;
using DuckDB.NET.Data;
using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Decides which traces of a run of sealed partitions are kept, and why. A trace is judged by all its spans, wherever
/// they are, so that its pieces share one fate: what was decided on it before is followed, and what is decided here is
/// remembered for those that are still to come. The low half of its id stands for a trace, so that the decision is one
/// whether ids are compared strictly or not.
/// </summary>
sealed class TraceJudge
{
    /// <summary>The temporary table of what is kept: trace_low, kept and weight, each trace once.</summary>
    public const string Kept = "judged";

    const string Followed = "followed";
    const string Outside = "outside";

    // The root: of the spans without a parent the first to start, or of all if each has one.
    static string Traits(Partition partition) => string.Create(CultureInfo.InvariantCulture, $"""
        trace_low, status = {(int)Model.StatusCode.Error} AS failed,
        coalesce(zipkin_flags & 2, 0) = 2 AS debug, {SpanTable.KnownDuration} AS known_ns,
        hash(service, name, kind) AS operation, hash(service, name) AS path,
        CASE WHEN {partition.IsRoot} THEN 0::HUGEINT ELSE {UInt128.One << 64}::HUGEINT END +
            CASE WHEN start_ns = 0 THEN {ulong.MaxValue}::HUGEINT ELSE start_ns::HUGEINT END AS rank
        """);

    readonly DuckDBConnection _connection;
    readonly IReadOnlyList<Partition> _run;
    readonly IReadOnlyList<Partition> _others;
    readonly DuckDbStoreOptions _options;

    TraceJudge(DuckDBConnection connection, IReadOnlyList<Partition> run, IReadOnlyList<Partition> others,
        DuckDbStoreOptions options)
    {
        _connection = connection;
        _run = run;
        _others = others;
        _options = options;
    }

    /// <summary>Fills the table of what is kept.</summary>
    /// <param name="connection">Gets temporary tables.</param>
    /// <param name="others">All partitions but those of the run.</param>
    /// <returns>The traces that go but have spans elsewhere, as <see cref="Partition.Gone"/>.</returns>
    public static FrozenSet<ulong> Judge(DuckDBConnection connection, IReadOnlyList<Partition> run,
        IReadOnlyList<Partition> others, DuckDbStoreOptions options) =>
        new TraceJudge(connection, run, others, options).Judge();

    FrozenSet<ulong> Judge()
    {
        _connection.Execute($"""
            CREATE TEMP TABLE {Followed} (trace_low UBIGINT, kept UTINYINT, weight DOUBLE);
            CREATE TEMP TABLE {Kept} (trace_low UBIGINT, kept UTINYINT, weight DOUBLE);
            CREATE TEMP TABLE {Outside} AS SELECT {Traits(_run[0])} FROM {_run[0].Spans} LIMIT 0;
            """);
        var traces = Ids(string.Join(" UNION ", _run.Select(each => $"SELECT DISTINCT trace_low FROM {each.Spans}")));
        foreach (var other in _others)
            Look(other, traces);
        _connection.Execute($"""
            INSERT INTO {Kept} SELECT trace_low, max(kept), max(weight) FROM {Followed} GROUP BY trace_low
            """);
        var followed = Ids($"SELECT trace_low FROM {Kept}").ToHashSet(SeededHash.Comparer);
        var gone = TraceReader.GoneFrom(_others);
        var kept = new HashSet<ulong>(followed, SeededHash.Comparer);
        using (var table = new TableAppender(_connection, "temp", Kept))
        {
            foreach (var (trace, why) in Decide(traces, low => followed.Contains(low) || gone.Contains(low)))
            {
                kept.Add(trace);
                table.Append(trace);
                table.Append((byte)why.Reason);
                table.Append(why.Weight);
                table.EndRow();
            }
            table.Flush();
        }
        var crossing = Ids($"SELECT DISTINCT trace_low FROM {Outside}").Where(low => !kept.Contains(low));
        return crossing.Concat(gone.Where(low => _others.Any(other => !other.IsMerged && other.Filter.MayHave(low))))
            .ToFrozenSet(SeededHash.Comparer);
    }

    /// <summary>Takes in what another partition knows of the traces.</summary>
    void Look(Partition other, List<ulong> traces)
    {
        var here = traces.FindAll(other.Filter.MayHave);
        if (here.Count == 0)
            return;
        // by row id, as in TraceReader; each trace is one set of rows, so the first of them would do
        var rows = $"rowid IN (SELECT rowid FROM {other.Spans} WHERE trace_low IN (SELECT unnest($1::UBIGINT[])))";
        _connection.Execute(other.IsMerged
            ? $"INSERT INTO {Followed} SELECT DISTINCT trace_low, kept, weight FROM {other.Spans} WHERE {rows}"
            : $"INSERT INTO {Outside} SELECT {Traits(other)} FROM {other.Spans} WHERE {rows}", here);
    }

    /// <param name="isDecided">Whether something was decided on a trace before.</param>
    IEnumerable<(ulong Trace, TraceKept Kept)> Decide(List<ulong> traces, Predicate<ulong> isDecided)
    {
        var open = traces.FindAll(trace => !isDecided(trace));
        if (_options.BaselineRate >= 1 || open.Count < _options.MinThinnedTraces)
            return open.Select(trace => (trace, TraceKept.Whole));
        return Tiers.Decide(ReadTraits(isDecided), Exemplars(), _options.BaselineRate);
    }

    /// <summary>Those of the hours in which the spans start.</summary>
    HashSet<ulong> Exemplars()
    {
        const ulong NanosPerMinute = 60_000_000_000;
        var starts = _run.Select(each => each.Starts()).Where(each => each.Min <= each.Max).ToList();
        return starts.Count == 0 || !_options.KeepsExemplars ? [] : StatisticsFile.ReadExemplars(_connection,
            (long)(starts.Min(each => each.Min) / NanosPerMinute),
            (long)(starts.Max(each => each.Max) / NanosPerMinute) + 1);
    }

    List<TraceTraits> ReadTraits(Predicate<ulong> isDecided)
    {
        var spans = string.Join(" UNION ALL ",
            _run.Select(each => $"SELECT {Traits(each)} FROM {each.Spans}").Append($"FROM {Outside}"));
        // First by path, so that each counts once in the hash of all. arg_min_null, as arg_min would pass over a root
        // whose duration is NULL and take that of another span.
        using var command = _connection.Command($"""
            SELECT trace_low, bool_or(failed), bool_or(debug), arg_min(operation, rank), arg_min_null(known_ns, rank),
                bit_xor(path)
            FROM (
                SELECT trace_low, path, bool_or(failed) AS failed, bool_or(debug) AS debug, min(rank) AS rank,
                    arg_min(operation, rank) AS operation, arg_min_null(known_ns, rank) AS known_ns
                FROM ({spans}) GROUP BY trace_low, path)
            GROUP BY trace_low
            """);
        command.UseStreamingMode = true;
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        var traits = new List<TraceTraits>();
        while (row.Read())
        {
            var trace = new TraceTraits(row.Next<ulong>(), row.Next<bool>(), row.Next<bool>(), row.Next<ulong>(),
                row.NextOrNull<long>(), row.Next<ulong>());
            if (!isDecided(trace.Trace))
                traits.Add(trace);
        }
        return traits;
    }

    List<ulong> Ids(string sql)
    {
        using var command = _connection.Command(sql);
        command.UseStreamingMode = true;
        using var reader = command.ExecuteReader();
        var ids = new List<ulong>();
        while (reader.Read())
            ids.Add(reader.GetFieldValue<ulong>(0));
        return ids;
    }
}
