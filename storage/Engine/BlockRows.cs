
namespace Tracing.Storage.Engine;

/// <summary>What a block is named by; blocks of one writer come in the order of their groups.</summary>
/// <param name="Stored">When its group was begun, microseconds since 1970; never the same twice for a writer.</param>
/// <param name="Writer">Who wrote it: drawn at the start of a process.</param>
/// <param name="Number">Within the group.</param>
/// <param name="IsKept">Whether it has what is kept of a slice, as <see cref="Thinning"/> writes it.</param>
readonly record struct BlockId(long Stored, long Writer, int Number, bool IsKept = false) : IComparable<BlockId>
{
    public int CompareTo(BlockId other) => Stored != other.Stored ? Stored.CompareTo(other.Stored)
        : Writer != other.Writer ? Writer.CompareTo(other.Writer)
        : Number.CompareTo(other.Number);
}

/// <summary>What is known of a block without reading it.</summary>
readonly record struct BlockHead(BlockId Id, ulong MinStart, ulong MaxStart, int Spans);

/// <summary>What kind of names a row of the table names has; the numbers are stored.</summary>
enum NameKind
{
    Service = 0,
    Span = 1,
    Remote = 2,
    TagValue = 3,
}

/// <summary>The blocks of both kinds, and the statements on names; schema.cql says what the tables hold.</summary>
sealed class Tables
{
    public const ulong NanosPerHour = 3_600_000_000_000;

    public const int SecondsPerDay = 86_400;

    const long MicrosPerSlot = 60_000_000;

    /// <summary>A statement names so many partitions at most: each is asked for by itself all the same.</summary>
    const int MaxParallelReads = 64;

    readonly Connection _connection;
    readonly int _ttl;
    readonly PreparedStatement _insertHour;
    readonly PreparedStatement _insertName;
    readonly PreparedStatement _selectHours;
    readonly PreparedStatement _selectNames;
    readonly PreparedStatement _selectVersion;
    readonly PreparedStatement _selectClock;

    public Tables(Connection connection)
    {
        _connection = connection;
        _ttl = SecondsOf(connection.Options.Retention);
        Whole = BlockTables.Whole(connection);
        Kept = BlockTables.Kept(connection);
        _insertHour = connection.Prepare("INSERT INTO hours (id, hour) VALUES (0, ?) USING TTL ?");
        _insertName = connection.Prepare("INSERT INTO names (kind, parent, name) VALUES (?, ?, ?) USING TTL ?");
        _selectHours = connection.Prepare("SELECT hour FROM hours WHERE id = 0 AND hour >= ? AND hour <= ?");
        _selectNames = connection.Prepare("SELECT name FROM names WHERE kind = ? AND parent = ?");
        _selectVersion = connection.Prepare("SELECT value FROM meta WHERE key = 'version'");
        _selectClock = connection.Prepare("SELECT toUnixTimestamp(now()) FROM system.local");
    }

    public static int SecondsOf(TimeSpan time) =>
        // Cassandra takes 20 years at most, and what is kept with spans takes a day more
        (int)Math.Clamp(Math.Ceiling(time.TotalSeconds), 1, 19 * 365 * SecondsPerDay);

    public static long SlotOf(long stored) => stored / MicrosPerSlot;

    public static long HourOf(ulong startNanos) => (long)(startNanos / NanosPerHour);

    /// <summary>What groups store.</summary>
    public BlockTables Whole { get; }

    /// <summary>What is kept of slices that were thinned out.</summary>
    public BlockTables Kept { get; }

    /// <summary>The rows of a group's blocks.</summary>
    public IEnumerable<IStatement> InsertBlocks(IReadOnlyList<EncodedBlock> blocks) => Whole.Insert(blocks, _ttl);

    // it names the blocks of a day, the last of which stays a day longer than the first
    public BoundStatement InsertHour(long hour) => _insertHour.Bind(hour, _ttl + SecondsPerDay);

    public BoundStatement InsertName(NameKind kind, string parent, string name) =>
        _insertName.Bind((int)kind, parent, name, _ttl);

    public Task<byte[]?> ReadDataAsync(BlockId id, CancellationToken cancellation) =>
        (id.IsKept ? Kept : Whole).ReadDataAsync(id, cancellation);

    /// <summary>The hours within a range that have blocks, the latest first.</summary>
    public Task<List<long>> ReadHoursAsync(long first, long last, CancellationToken cancellation) =>
        _connection.ReadAsync(_selectHours.Bind(first, last), row => row.GetValue<long>(0), cancellation);

    /// <summary>The blocks that have spans which start within a range of nanoseconds, both ends included.</summary>
    /// <param name="withKept">Whether also those that are kept of slices.</param>
    public async Task<List<BlockHead>> ReadHeadsAsync(
        ulong first, ulong last, bool withKept, CancellationToken cancellation)
    {
        if (first > last)
            return [];
        var hours = await ReadHoursAsync(HourOf(first), HourOf(last), cancellation);
        var all = await ForAllAsync([.. hours.SelectMany(hour => Sources(withKept), (hour, from) => (hour, from))],
            each => each.from.ReadHeadsAsync(each.hour, cancellation), cancellation);
        return [.. all.SelectMany(heads => heads).Where(head => head.MaxStart >= first && head.MinStart <= last)];
    }

    /// <summary>The blocks that have spans of each trace, by the low half of its id; in the order stored.</summary>
    /// <param name="withKept">Whether also those that are kept of slices.</param>
    public async Task<List<BlockId>[]> ReadTracesAsync(
        IReadOnlyList<ulong> lows, bool withKept, CancellationToken cancellation)
    {
        var whole = ForAllAsync(lows, low => Whole.ReadTraceAsync(low, cancellation), cancellation);
        if (!withKept)
            return await whole;
        var kept = await ForAllAsync(lows, low => Kept.ReadTraceAsync(low, cancellation), cancellation);
        return [.. kept.Zip(await whole, (some, others) => some.Concat(others).Order().ToList())];
    }

    public async Task<IReadOnlyList<string>> ReadNamesAsync(
        NameKind kind, string parent, CancellationToken cancellation)
    {
        if (parent.Length > Names.MaxLength)
            return [];
        var names = await _connection.ReadAsync(
            _selectNames.Bind((int)kind, parent), row => row.GetValue<string>(0), cancellation);
        names.RemoveAll(name => name.Length == 0);
        // Cassandra sorts by UTF-8
        names.Sort(StringComparer.Ordinal);
        return names;
    }

    /// <summary>A small read, which tells whether Cassandra serves.</summary>
    public Task CheckAsync(CancellationToken cancellation) =>
        _connection.RunAsync(_selectVersion.Bind(), cancellation);

    /// <summary>The time by the clock of a node.</summary>
    public async Task<DateTimeOffset> ReadClockAsync(CancellationToken cancellation) =>
        DateTimeOffset.FromUnixTimeMilliseconds(
            (await _connection.RunAsync(_selectClock.Bind(), cancellation)).First().GetValue<long>(0));

    BlockTables[] Sources(bool withKept) => withKept ? [Whole, Kept] : [Whole];

    /// <summary>Does something for each item, some at a time, and gives the results in their order.</summary>
    public static async Task<TResult[]> ForAllAsync<T, TResult>(
        IReadOnlyList<T> items, Func<T, Task<TResult>> run, CancellationToken cancellation)
    {
        var results = new TResult[items.Count];
        await Parallel.ForAsync(0, items.Count, new ParallelOptions
        {
            MaxDegreeOfParallelism = MaxParallelReads,
            CancellationToken = cancellation,
        }, async (i, _) => results[i] = await run(items[i]));
        return results;
    }
}
