using System.Collections.Frozen;
using System.Globalization;
using DuckDB.NET.Data;
using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Writes sealed partitions anew as one, without the traces that go. All of them are sorted by the low half of the
/// trace's id, so that it takes one range of that after the other, each in memory as a whole.
/// </summary>
sealed class MergedCopy
{
    const string Database = "merging";

    /// <summary>
    /// Rows of the sources in a range, whether they are kept or not: what has to fit in memory, some 1 KB each.
    /// </summary>
    const int RangeRows = 150_000;

    /// <summary>Every so many rows the id of the trace is asked for, to find where the ranges end.</summary>
    const int SampleRows = 2048;

    static readonly string[] NameTables = ["span_names", "remote_services", "tag_values"];

    readonly DuckDBConnection _connection;
    readonly IReadOnlyList<Partition> _run;
    readonly bool _isThinned;
    readonly Layout _layout;
    readonly Action _beforeEach;

    // by source: its spans with the attributes' codes of the new file, with the row of the source as source_row
    readonly string[] _spans;

    MergedCopy(DuckDBConnection connection, IReadOnlyList<Partition> run, Action beforeEach)
    {
        _connection = connection;
        _run = run;
        _isThinned = run[0].Rewrites == 0;
        _beforeEach = beforeEach;
        // that of most spans; of equals the newest
        _layout = run.GroupBy(partition => partition.Layout, LayoutComparer.Instance)
            .OrderBy(same => same.Sum(partition => partition.SpanCount)).ThenBy(same => same.Max(each => each.Number))
            .Last().Key;
        _spans = new string[run.Count];
    }

    /// <summary>Writes a whole new file and closes it.</summary>
    /// <param name="connection">Has the table of <see cref="TraceJudge"/> if the run was never merged.</param>
    /// <param name="run">All as often merged before.</param>
    /// <param name="gone">For <see cref="Partition.Gone"/>.</param>
    /// <param name="beforeEach">Called now and then, when it may wait or throw.</param>
    public static void Write(DuckDBConnection connection, IReadOnlyList<Partition> run, string file,
        IEnumerable<ulong> gone, long nowMillis, Action beforeEach)
    {
        var copy = new MergedCopy(connection, run, beforeEach);
        SealedCopy.Write(connection, Database, file, () =>
        {
            Schema.Create(connection, Database, copy._layout, run[0].CreatedMillis, PartitionForm.Merged);
            copy.Convert();
            copy.CopyShared("resources");
            copy.CopyShared("scopes");
            copy.CopySpans();
            copy.CheckCount();
            copy.CopyNames();
            foreach (var partition in run)
                RecentBodies.Copy(connection, partition.Database, Database, nowMillis);
            copy.WriteSources();
            WriteGone(connection, gone);
            Schema.WriteMeta(connection, Database, "closed_ms", run.Max(partition => partition.ClosedMillis!.Value));
        });
    }

    /// <summary>What a merged partition says of <see cref="Partition.Gone"/>.</summary>
    public static FrozenSet<ulong> ReadGone(DuckDBConnection connection, Partition merged)
    {
        using var command = connection.Command($"SELECT trace_low FROM {Sql.Quote(merged.Database)}.gone");
        using var reader = command.ExecuteReader();
        var gone = new List<ulong>();
        while (reader.Read())
            gone.Add(reader.GetFieldValue<ulong>(0));
        return gone.ToFrozenSet(SeededHash.Comparer);
    }

    static void WriteGone(DuckDBConnection connection, IEnumerable<ulong> gone)
    {
        using var table = new TableAppender(connection, Database, "gone");
        foreach (var trace in gone)
        {
            table.Append(trace);
            table.EndRow();
        }
        table.Flush();
    }

    /// <summary>The contents of all sources, each once with a new id; a temporary table tells which.</summary>
    void CopyShared(string table)
    {
        _connection.Execute($"""
            CREATE TEMP TABLE new_{table} AS
            SELECT source, id, content, dense_rank() OVER (ORDER BY content)::INTEGER AS new_id
            FROM ({Union(i => $"SELECT {i} AS source, id, content FROM {Table(_run[i], table)}")});
            INSERT INTO {Database}.{table} SELECT DISTINCT new_id, content FROM new_{table};
            """);
    }

    void CopyNames()
    {
        foreach (var table in NameTables)
        {
            var all = Union(i => $"FROM {Table(_run[i], table)}");
            _connection.Execute($"INSERT INTO {Database}.{table} SELECT DISTINCT * FROM ({all})");
        }
    }

    void WriteSources()
    {
        using (var table = new TableAppender(_connection, Database, "sources"))
        {
            foreach (var (partition, offset) in _run.Zip(Offsets()))
            {
                foreach (var (number, place) in partition.Sources)
                {
                    table.Append(number);
                    table.Append(offset + place);
                    table.EndRow();
                }
            }
            table.Flush();
        }
        Schema.WriteMeta(_connection, Database, "places", _run.Sum(partition => partition.Places));
        Schema.WriteMeta(_connection, Database, "rewrites", _run.Max(partition => partition.Rewrites) + 1);
    }

    /// <summary>By source: how many places in the order stored those before it take.</summary>
    List<long> Offsets()
    {
        var offsets = new List<long>();
        var places = 0L;
        foreach (var partition in _run)
        {
            offsets.Add(places);
            places += partition.Places;
        }
        return offsets;
    }

    // one transaction, so that DuckDB writes row groups to the file as they fill, and keeps none of them in memory
    void CopySpans()
    {
        var ranges = Ranges(RangeRows);
        _connection.Execute("BEGIN TRANSACTION");
        try
        {
            foreach (var range in ranges)
            {
                _beforeEach();
                CopySpans(range);
            }
            _connection.Execute("COMMIT");
        }
        catch
        {
            _connection.TryRollback();
            throw;
        }
    }

    // what the old files had is gone for good soon after
    void CheckCount()
    {
        var kept = _isThinned ? $" WHERE trace_low IN (SELECT trace_low FROM {TraceJudge.Kept})" : "";
        var expected = _connection.Scalar(
            $"SELECT count(*) FROM ({Union(i => $"SELECT trace_low FROM {_run[i].Spans}")}){kept}");
        var written = _connection.Scalar($"SELECT count(*) FROM {Database}.spans");
        if (!Equals(expected, written))
            throw new InvalidDataException($"{written} spans were written where {expected} should have been.");
    }

    // As SealedCopy: first where each row goes, then the rows. What the parent's distance was is its id again before.
    void CopySpans(string range)
    {
        var offsets = Offsets();
        string Rows(int i)
        {
            var spans = _run[i].Spans;
            var (kept, judged) = _isThinned
                ? ("judged", $"JOIN {TraceJudge.Kept} AS judged ON judged.trace_low = span.trace_low")
                : ("span", "");
            return $"""
                SELECT {i} AS source, span.rowid AS source_row, span.trace_low, span.trace_high, span.span_id,
                    coalesce(span.parent_id, parent.span_id, 0) AS parent_id, span.seq + {offsets[i]} AS seq,
                    {kept}.kept AS kept, {kept}.weight AS weight
                FROM {spans} AS span {judged}
                LEFT JOIN (SELECT rowid AS parent_row, span_id FROM {spans} WHERE {range}) AS parent
                    ON parent.parent_row = span.rowid - nullif(span.parent_distance, 0)
                WHERE span.{range.Replace("AND ", "AND span.", StringComparison.Ordinal)}
                """;
        }

        _connection.Execute($"""
            INSERT INTO {Database}.spans
            WITH kept_rows AS MATERIALIZED ({Union(Rows)}),
            places AS MATERIALIZED (
                SELECT *, row_number() OVER (ORDER BY trace_low, trace_high, seq) AS place FROM kept_rows),
            parents AS (
                SELECT trace_low, trace_high, span_id, min(place) AS place FROM places GROUP BY ALL),
            sources AS ({Union(i => $"SELECT {i} AS source, * FROM {_spans[i]} WHERE {range}")})
            SELECT span.* EXCLUDE (source, source_row) REPLACE (
                CASE WHEN parent.place IS NULL THEN nullif(own.parent_id, 0) END AS parent_id,
                coalesce(resource.new_id, 0) AS resource_id,
                coalesce(scope.new_id, 0) AS scope_id),
                own.seq::INTEGER, CASE WHEN own.parent_id = 0 THEN 0 ELSE own.place - parent.place END::INTEGER,
                own.kept, own.weight
            FROM sources AS span
            JOIN places AS own ON own.source = span.source AND own.source_row = span.source_row
            LEFT JOIN parents AS parent ON parent.trace_low = own.trace_low AND
                parent.trace_high = own.trace_high AND parent.span_id = own.parent_id AND parent.place <> own.place
            LEFT JOIN new_resources AS resource ON resource.source = span.source AND resource.id = span.resource_id
            LEFT JOIN new_scopes AS scope ON scope.source = span.source AND scope.id = span.scope_id
            ORDER BY own.place
            """);
    }

    /// <summary>Brings the sources into one layout, with one set of shapes and codes, in temporary tables.</summary>
    void Convert()
    {
        using var keys = new TableAppender(_connection, Database, "attribute_keys");
        using var values = new TableAppender(_connection, Database, "attribute_values");
        using var shapes = new TableAppender(_connection, Database, "shapes");
        var attributes = new AttributeWriter(_layout, new Shapes(), keys, values, shapes);
        for (var i = 0; i < _run.Count; i++)
        {
            var conversion = new LayoutConversion(_connection, _run[i], attributes, i, _isThinned);
            conversion.Create($"{Database}.spans");
            foreach (var range in Ranges(LayoutConversion.RangeRows))
            {
                _beforeEach();
                conversion.Convert(range);
            }
            _spans[i] = conversion.Relation;
        }
        attributes.Flush();
    }

    /// <summary>
    /// Conditions on trace_low that each hold for so many rows of all sources, about, or for one trace; together for
    /// all, in ascending order.
    /// </summary>
    List<string> Ranges(int rows)
    {
        var samples = new List<ulong>();
        using (var command = _connection.Command(
            Union(i => $"SELECT trace_low FROM {_run[i].Spans} WHERE rowid % {SampleRows} = 0")))
        using (var reader = command.ExecuteReader())
        {
            while (reader.Read())
                samples.Add(reader.GetFieldValue<ulong>(0));
        }
        samples.Sort();
        var ends = samples.Where((_, i) => (i + 1) % Math.Max(1, rows / SampleRows) == 0).Distinct().ToList();
        if (ends.Count == 0 || ends[^1] < ulong.MaxValue)
            ends.Add(ulong.MaxValue);
        return [.. ends.Select((end, i) => string.Create(CultureInfo.InvariantCulture,
            $"trace_low >= {(i == 0 ? 0 : ends[i - 1] + 1)} AND trace_low <= {end}"))];
    }

    string Union(Func<int, string> select) =>
        string.Join(" UNION ALL ", Enumerable.Range(0, _run.Count).Select(select));

    static string Table(Partition partition, string table) => $"{Sql.Quote(partition.Database)}.{table}";
}
