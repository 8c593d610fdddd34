using System.Collections.Frozen;
using System.Globalization;
using System.Runtime.CompilerServices;
using DuckDB.NET.Data;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// One file of spans, attached to DuckDB as a database of its own: complete in itself, with the resources, scopes and
/// names of its spans. Sealed ones never change.
/// </summary>
sealed class Partition
{
    readonly Lazy<SharedContents> _contents;
    readonly Lock _widening = new();
    readonly MergedFrom? _merged;
    ulong _minStart = ulong.MaxValue;
    ulong _maxStart;
    long _spans;
    long _countedRows;

    // null while it is not known
    StrongBox<bool>? _hasRepeats;

    Partition(int number, bool isSealed, string file, Layout layout, TraceFilter filter, Func<SharedContents> contents,
        MergedFrom? merged = null)
    {
        _merged = merged;
        Number = number;
        IsSealed = isSealed;
        File = file;
        Layout = layout;
        Filter = filter;
        // an error is not remembered: the next reader tries again
        _contents = new Lazy<SharedContents>(contents, LazyThreadSafetyMode.PublicationOnly);
    }

    /// <summary>Spans of a lower number were stored earlier. Of a merged one the last of its numbers.</summary>
    public int Number { get; }

    /// <summary>The first of the numbers of a merged one; else the number.</summary>
    public int FirstNumber => _merged?.FirstNumber ?? Number;

    /// <summary>Whether it took the place of sealed ones, and was thinned out unless they had few traces.</summary>
    public bool IsMerged => _merged is not null;

    public bool IsSealed { get; }

    /// <summary>Path of the file; <see cref="DuckDbStoreOptions.InMemory"/> when there is none.</summary>
    public string File { get; }

    public Layout Layout { get; }

    public TraceFilter Filter { get; }

    /// <summary>Name of the database in DuckDB.</summary>
    public string Database => IsMerged ? DatabaseOf(FirstNumber, Number) : DatabaseOf(Number, IsSealed);

    /// <summary>The table of spans, as it stands in SQL.</summary>
    public string Spans => $"{Sql.Quote(Database)}.spans";

    /// <summary>
    /// SQL for the order in which all spans of the store were stored: by partition, within one by row, which a sealed
    /// one remembers.
    /// </summary>
    public string Seq => string.Create(CultureInfo.InvariantCulture, $"{FirstSeq} + {(IsSealed ? "seq" : "rowid")}");

    /// <summary>SQL for how many rows before a span its parent is; NULL where the parent is told by its id.</summary>
    public string ParentDistance => IsSealed ? "nullif(parent_distance, 0)" : "NULL::INTEGER";

    /// <summary>SQL for whether a span has no parent.</summary>
    public string IsRoot => IsSealed ? "coalesce(parent_distance, 1) = 0" : "parent_id = 0";

    /// <summary>No span of this partition has a lower one, and all of earlier partitions have.</summary>
    public long FirstSeq => (long)FirstNumber << 32;

    /// <summary>SQL for why a span's trace is kept, a number of <see cref="KeptReason"/>.</summary>
    public string Kept => IsMerged ? "kept" : "0::UTINYINT";

    /// <summary>SQL for how many stored spans a row stands for; see <see cref="TraceKept"/>.</summary>
    public string KeptWeight => IsMerged ? "weight" : "1::DOUBLE";

    /// <summary>
    /// SQL for how many spans a row stands for, by the sampling of clients too. Every count of spans is a sum of it.
    /// </summary>
    public string Weight => $"({KeptWeight} * {AdjustedCounts.OfRow})";

    /// <summary>How often its spans were written again since they were sealed.</summary>
    public int Rewrites => _merged?.Rewrites ?? 0;

    /// <summary>How many places in the order stored it takes up, those of spans that are gone included.</summary>
    public long Places => _merged?.Places ?? SpanCount;

    /// <summary>What it was made of: each number that still has a place, and from which place on.</summary>
    public IReadOnlyList<(int Number, long Place)> Sources => _merged?.Sources ?? [(Number, 0)];

    /// <summary>
    /// Low halves of the ids of traces that went, but of which younger partitions that are not merged yet may still
    /// have spans: no reader may see those. Only of the newest merged partition, which answers for all before it.
    /// </summary>
    public IReadOnlySet<ulong> Gone { get; set; } = FrozenSet<ulong>.Empty;

    /// <summary>Resources and scopes; of a sealed partition read with its first span.</summary>
    public SharedContents Contents => _contents.Value;

    /// <summary>Its tables while it is open; null when it is sealed.</summary>
    public OpenTables? Tables { get; private init; }

    public long SpanCount => Tables?.Spans.Published ?? _spans;

    /// <summary>Rows of its table counted.</summary>
    public long CountedRows => Tables?["counted"].Published ?? _countedRows;

    /// <summary>When it was begun, in milliseconds since 1970.</summary>
    public long CreatedMillis { get; init; }

    /// <summary>
    /// When it took its last span, in milliseconds since 1970; null while it takes appends. By the clock of the server,
    /// since what spans say of their times may be wrong or long ago.
    /// </summary>
    public long? ClosedMillis { get; set; }

    /// <summary>How many snapshots hold it; guarded by <see cref="Partitions"/>.</summary>
    public int Holders { get; set; }

    /// <summary>Whether it goes when no snapshot holds it any more; guarded likewise.</summary>
    public bool IsRetired { get; set; }

    /// <summary>Name in DuckDB of the partition of a number.</summary>
    public static string DatabaseOf(int number, bool isSealed) =>
        string.Create(CultureInfo.InvariantCulture, $"{(isSealed ? "sealed" : "open")}_{number:d8}");

    /// <summary>Name in DuckDB of the merged partition of a range of numbers.</summary>
    public static string DatabaseOf(int first, int last) =>
        string.Create(CultureInfo.InvariantCulture, $"merged_{first:d8}_{last:d8}");

    /// <summary>An attached partition that takes appends, or took them.</summary>
    /// <param name="expectedTraces">For how many traces to make the filter.</param>
    public static Partition ReadOpen(
        DuckDBConnection connection, int number, string file, OpenTables tables, long expectedTraces)
    {
        var database = DatabaseOf(number, isSealed: false);
        var contents = SharedContents.Read(connection, database);
        var filter = TraceFilter.For(expectedTraces);
        Array.ForEach(tables.Traces.Traces(), filter.Add);
        var partition = new Partition(
            number, false, file, Layout.Read(connection, database), filter, () => contents)
        {
            CreatedMillis = (long)ReadNumber(connection, database, "created_ms", file),
            Tables = tables,
        };
        var (_, min, max) = ReadRange(connection, database);
        partition.Widen(min, max);
        return partition;
    }

    /// <summary>An attached sealed partition.</summary>
    /// <param name="connect">Opens a connection, to be disposed.</param>
    /// <param name="first">The first number of a merged one; null for others.</param>
    public static Partition ReadSealed(
        DuckDBConnection connection, int? first, int number, string file, Func<DuckDBConnection> connect)
    {
        var database = first is null ? DatabaseOf(number, isSealed: true) : DatabaseOf(first.Value, number);
        using var command = connection.Command($"SELECT words FROM {Sql.Quote(database)}.trace_filter");
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        if (!row.Read())
            throw new InvalidDataException($"{file} has no filter of traces.");
        var filter = TraceFilter.FromBytes(row.NextBlob());
        var partition = new Partition(number, true, file, Layout.Read(connection, database), filter, () =>
        {
            using var own = connect();
            return SharedContents.Read(own, database);
        }, first is null ? null : ReadMerged(connection, first.Value, database, file))
        {
            CreatedMillis = (long)ReadNumber(connection, database, "created_ms", file),
            ClosedMillis = Schema.ReadMeta(connection, database, "closed_ms") is null
                ? null
                : (long)ReadNumber(connection, database, "closed_ms", file),
        };
        partition._spans = (long)ReadNumber(connection, database, "spans", file);
        partition._countedRows = CountedTable.CountRows(connection, database);
        partition.Widen((ulong)ReadNumber(connection, database, "min_start_ns", file),
            (ulong)ReadNumber(connection, database, "max_start_ns", file));
        return partition;
    }

    /// <summary>How many spans a database has, and the range of their starts as <see cref="Widen"/> takes it.</summary>
    public static (long Count, ulong Min, ulong Max) ReadRange(DuckDBConnection connection, string database)
    {
        using var command = connection.Command($"""
            SELECT count(*), coalesce(min(start_ns) FILTER (start_ns > 0), {ulong.MaxValue}::UBIGINT),
                coalesce(max(start_ns), 0)::UBIGINT
            FROM {Sql.Quote(database)}.spans
            """);
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        row.Read();
        return (row.Next<long>(), row.Next<ulong>(), row.Next<ulong>());
    }

    /// <summary>Notes starts of spans in nanoseconds since 1970; 0, as absent, is no start.</summary>
    public void Widen(ulong min, ulong max)
    {
        lock (_widening)
        {
            _minStart = Math.Min(_minStart, min);
            _maxStart = Math.Max(_maxStart, max);
        }
    }

    /// <summary>Range of the starts of its spans, in nanoseconds since 1970; the wrong way round without any.</summary>
    public (ulong Min, ulong Max) Starts()
    {
        lock (_widening)
            return (_minStart, _maxStart);
    }

    /// <summary>Whether it has spans that had come before: once that is so, and of a sealed one, it stays.</summary>
    public bool HasRepeats(DuckDBConnection connection)
    {
        if (_hasRepeats is { } known)
            return known.Value;
        var found = connection.Scalar($"SELECT 1 FROM {Spans} WHERE {SpanTable.IsRepeat} LIMIT 1") is not null;
        if (IsSealed || found)
            _hasRepeats = new StrongBox<bool>(found);
        return found;
    }

    /// <summary>Of the newest span that is acknowledged; below <see cref="FirstSeq"/> when there is none.</summary>
    /// <remarks>Of an append partition, whose rows have no gaps.</remarks>
    public long LastSeq => FirstSeq + SpanCount - 1;

    /// <summary>Whether it is sealed and all its spans were stored no later than that of the number.</summary>
    public bool IsWhole(long seq) => IsSealed && seq >= ((long)Number << 32) + uint.MaxValue;

    /// <summary>SQL for whether a span was stored no later than that of the number.</summary>
    public string IsStoredBy(long seq)
    {
        if (seq >= ((long)Number << 32) + uint.MaxValue)
            return "true";
        if (!IsMerged)
            return string.Create(CultureInfo.InvariantCulture, $"{Seq} <= {seq}");
        // a number from before the merge: so far within the partition that it names, but not beyond
        var source = (int)(seq >> 32);
        (int Number, long Place) end = (Number, Places);
        var next = Sources.FirstOrDefault(each => each.Number > source, end).Place;
        var own = Sources.FirstOrDefault(each => each.Number == source, (Number: source, Place: next)).Place;
        return string.Create(CultureInfo.InvariantCulture, $"seq <= {Math.Min(own + (seq & uint.MaxValue), next - 1)}");
    }

    static MergedFrom ReadMerged(DuckDBConnection connection, int first, string database, string file)
    {
        using var command = connection.Command(
            $"SELECT number, place FROM {Sql.Quote(database)}.sources ORDER BY number");
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        var sources = new List<(int, long)>();
        while (row.Read())
            sources.Add((row.Next<int>(), row.Next<long>()));
        return new MergedFrom(first, sources, (long)ReadNumber(connection, database, "places", file),
            (int)ReadNumber(connection, database, "rewrites", file));
    }

    /// <summary>
    /// Whether a span may start within the window, in nanoseconds since 1970, both ends included; 0 is that of spans
    /// without a start, which any partition may have.
    /// </summary>
    public bool MayStartWithin(ulong start, ulong end)
    {
        var (min, max) = Starts();
        return start == 0 || (min <= end && max >= start);
    }

    static Int128 ReadNumber(DuckDBConnection connection, string database, string key, string file) =>
        Int128.TryParse(Schema.ReadMeta(connection, database, key), CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new InvalidDataException($"{file} does not say its {key}.");

    sealed record MergedFrom(
        int FirstNumber, IReadOnlyList<(int Number, long Place)> Sources, long Places, int Rewrites);
}

/// <summary>What a partition holds, for those who decide what to drop.</summary>
/// <param name="Bytes">On disk, with the log.</param>
/// <param name="MinStart">In nanoseconds since 1970; above <paramref name="MaxStart"/> if no span has one.</param>
sealed record PartitionInfo(int Number, bool IsSealed, long Spans, long Bytes, ulong MinStart, ulong MaxStart,
    int FirstNumber, int Rewrites);
