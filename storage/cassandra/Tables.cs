using Cassandra;

namespace Tracing.Storage.Cassandra;

/// <summary>What a block is named by; blocks of one writer come in the order of their groups.</summary>
/// <param name="Stored">When its group was begun, microseconds since 1970; never the same twice for a writer.</param>
/// <param name="Writer">Who wrote it: drawn at the start of a process.</param>
/// <param name="Number">Within the group.</param>
readonly record struct BlockId(long Stored, long Writer, int Number) : IComparable<BlockId>
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

/// <summary>The statements on the tables of spans and names; schema.cql says what they hold.</summary>
sealed class Tables
{
    public const ulong NanosPerHour = 3_600_000_000_000;

    const long MicrosPerSlot = 60_000_000;

    /// <summary>A statement names so many partitions at most: each is asked for by itself all the same.</summary>
    const int MaxParallelReads = 64;

    readonly Connection _connection;
    readonly int _ttl;
    readonly PreparedStatement _insertData;
    readonly PreparedStatement _insertHead;
    readonly PreparedStatement _insertHour;
    readonly PreparedStatement _insertTrace;
    readonly PreparedStatement _insertName;
    readonly PreparedStatement _selectData;
    readonly PreparedStatement _selectHeads;
    readonly PreparedStatement _selectHours;
    readonly PreparedStatement _selectTrace;
    readonly PreparedStatement _selectNames;
    readonly PreparedStatement _selectVersion;

    public Tables(Connection connection)
    {
        _connection = connection;
        _ttl = SecondsOf(connection.Options.Retention);
        _insertData = connection.Prepare(
            "INSERT INTO block_data (writer, stored, number, data) VALUES (?, ?, ?, ?) USING TTL ?");
        _insertHead = connection.Prepare(
            "INSERT INTO blocks (hour, stored, writer, number, min_start, max_start, spans) " +
            "VALUES (?, ?, ?, ?, ?, ?, ?) USING TTL ?");
        _insertHour = connection.Prepare("INSERT INTO hours (id, hour) VALUES (0, ?) USING TTL ?");
        _insertTrace = connection.Prepare(
            "INSERT INTO traces (low, stored, writer, number) VALUES (?, ?, ?, ?) USING TTL ?");
        _insertName = connection.Prepare("INSERT INTO names (kind, parent, name) VALUES (?, ?, ?) USING TTL ?");
        _selectData = connection.Prepare(
            "SELECT data FROM block_data WHERE writer = ? AND stored = ? AND number = ?");
        _selectHeads = connection.Prepare(
            "SELECT stored, writer, number, min_start, max_start, spans FROM blocks WHERE hour = ?");
        _selectHours = connection.Prepare("SELECT hour FROM hours WHERE id = 0 AND hour >= ? AND hour <= ?");
        _selectTrace = connection.Prepare("SELECT stored, writer, number FROM traces WHERE low = ?");
        _selectNames = connection.Prepare("SELECT name FROM names WHERE kind = ? AND parent = ?");
        _selectVersion = connection.Prepare("SELECT value FROM meta WHERE key = 'version'");
    }

    public static int SecondsOf(TimeSpan time) =>
        // 20 years are as long as Cassandra takes
        (int)Math.Clamp(Math.Ceiling(time.TotalSeconds), 1, 20 * 365 * 86_400);

    public static long SlotOf(long stored) => stored / MicrosPerSlot;

    public static long HourOf(ulong startNanos) => (long)(startNanos / NanosPerHour);

    public BoundStatement InsertData(BlockId id, byte[] data) =>
        _insertData.Bind(id.Writer, id.Stored, id.Number, data, _ttl);

    public BoundStatement InsertHead(long hour, BlockHead head) => _insertHead.Bind(
        hour, head.Id.Stored, head.Id.Writer, head.Id.Number, (long)head.MinStart, (long)head.MaxStart, head.Spans,
        _ttl);

    public BoundStatement InsertHour(long hour) => _insertHour.Bind(hour, _ttl);

    public BoundStatement InsertTrace(ulong low, BlockId id) =>
        _insertTrace.Bind((long)low, id.Stored, id.Writer, id.Number, _ttl);

    public BoundStatement InsertName(NameKind kind, string parent, string name) =>
        _insertName.Bind((int)kind, parent, name, _ttl);

    public async Task<byte[]?> ReadDataAsync(BlockId id, CancellationToken cancellation)
    {
        var rows = await _connection.RunAsync(_selectData.Bind(id.Writer, id.Stored, id.Number), cancellation);
        return rows.FirstOrDefault()?.GetValue<byte[]>(0);
    }

    /// <summary>The hours within a range that have blocks, the latest first.</summary>
    public Task<List<long>> ReadHoursAsync(long first, long last, CancellationToken cancellation) =>
        _connection.ReadAsync(_selectHours.Bind(first, last), row => row.GetValue<long>(0), cancellation);

    /// <summary>The blocks that have spans which start within a range of nanoseconds, both ends included.</summary>
    public async Task<List<BlockHead>> ReadHeadsAsync(ulong first, ulong last, CancellationToken cancellation)
    {
        if (first > last)
            return [];
        var hours = await ReadHoursAsync(HourOf(first), HourOf(last), cancellation);
        var all = await ForAllAsync(hours, hour => _connection.ReadAsync(_selectHeads.Bind(hour), row => new BlockHead(
            new BlockId(row.GetValue<long>(0), row.GetValue<long>(1), row.GetValue<int>(2)),
            (ulong)row.GetValue<long>(3), (ulong)row.GetValue<long>(4), row.GetValue<int>(5)), cancellation),
            cancellation);
        return [.. all.SelectMany(heads => heads).Where(head => head.MaxStart >= first && head.MinStart <= last)];
    }

    /// <summary>The blocks that have spans of each trace, by the low half of its id; in the order stored.</summary>
    public async Task<List<BlockId>[]> ReadTracesAsync(IReadOnlyList<ulong> lows, CancellationToken cancellation) =>
        await ForAllAsync(lows, low => _connection.ReadAsync(_selectTrace.Bind((long)low), row =>
            new BlockId(row.GetValue<long>(0), row.GetValue<long>(1), row.GetValue<int>(2)), cancellation),
            cancellation);

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
