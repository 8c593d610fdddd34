using System.Runtime.InteropServices;
using Tracing.Model;

namespace Tracing.Storage.Engine;

/// <summary>What was decided on a slice: all groups that were begun within 5 minutes.</summary>
/// <param name="Number">Since 1970.</param>
/// <param name="Writer">Who wrote what is kept of it; 0 where all is kept, where it is.</param>
/// <param name="Since">Seconds since 1970.</param>
/// <param name="Hours">Since 1970, in which spans of its blocks start.</param>
/// <param name="IsRemoved">Whether the blocks that were thinned out are deleted.</param>
sealed record Slice(long Number, long Writer, long Since, List<long> Hours, bool IsRemoved);

/// <summary>The slices on which it is decided what is kept. For any thread.</summary>
sealed class Slices
{
    public const int Minutes = 5;

    const long Micros = Minutes * 60_000_000L;

    /// <summary>
    /// So long what was read is taken for true; blocks that are thinned out are deleted much later, so that whoever
    /// still reads them finds them.
    /// </summary>
    static readonly TimeSpan _knownFor = TimeSpan.FromSeconds(30);

    readonly Connection _connection;
    readonly int _ttl;
    readonly PreparedStatement _select;
    readonly PreparedStatement _insert;
    readonly PreparedStatement _setRemoved;
    readonly PreparedStatement _insertGone;
    readonly PreparedStatement _selectGone;
    volatile CurrentBlocks? _current;

    public Slices(Connection connection)
    {
        _connection = connection;
        _ttl = Tables.SecondsOf(connection.Options.Retention) + Tables.SecondsPerDay;
        _select = connection.Prepare("SELECT slice, writer, since, hours, is_removed FROM slices WHERE id = 0");
        _insert = connection.Prepare("INSERT INTO slices (id, slice, writer, since, hours, is_removed) " +
            "VALUES (0, ?, ?, ?, ?, false) IF NOT EXISTS USING TTL ?");
        _setRemoved = connection.Prepare(
            "UPDATE slices USING TTL ? SET is_removed = true WHERE id = 0 AND slice = ? IF EXISTS");
        _insertGone = connection.Prepare("INSERT INTO gone (slice, writer, lows) VALUES (?, ?, ?) USING TTL ?");
        _selectGone = connection.Prepare("SELECT lows FROM gone WHERE slice = ? AND writer = ?");
    }

    /// <summary>Of the slice that a group is in.</summary>
    public static long NumberOf(long stored) => stored / Micros;

    /// <summary>When it begins, microseconds since 1970.</summary>
    public static long StartOf(long number) => number * Micros;

    public async Task<Dictionary<long, Slice>> ReadAsync(CancellationToken cancellation)
    {
        var read = TimeProvider.System.GetTimestamp();
        var slices = await _connection.ReadAsync(_select.Bind(), row => new Slice(row.GetValue<long>(0),
            row.GetValue<long>(1), row.GetValue<long>(2), [.. row.GetValue<IEnumerable<long>>(3) ?? []],
            row.GetValue<bool?>(4) ?? false), cancellation);
        var thinned = slices.Where(slice => slice.Writer != 0)
            .ToDictionary(slice => slice.Number, slice => slice.Writer);
        var last = slices.MaxBy(slice => slice.Number);
        var gone = last is { Writer: not 0 } ? await ReadGoneAsync(last, cancellation) : [];
        _current = new CurrentBlocks(read, last?.Number ?? -1, thinned, gone);
        return slices.ToDictionary(slice => slice.Number);
    }

    /// <summary>Which blocks have the spans that are there now.</summary>
    public async ValueTask<CurrentBlocks> CurrentAsync(CancellationToken cancellation)
    {
        if (_current is { } known && TimeProvider.System.GetElapsedTime(known.Read) < _knownFor)
            return known;
        await ReadAsync(cancellation);
        return _current!;
    }

    /// <summary>Decides on a slice, unless somebody has before.</summary>
    /// <param name="gone">The low halves of the ids of traces that go but have spans in the next slice.</param>
    public async Task DecideAsync(Slice slice, ulong[] gone, CancellationToken cancellation)
    {
        if (gone.Length > 0)
        {
            var lows = MemoryMarshal.AsBytes<ulong>(gone).ToArray();
            await _connection.RunAsync(_insertGone.Bind(slice.Number, slice.Writer, lows, _ttl), cancellation);
        }
        await _connection.RunAsync(
            _insert.Bind(slice.Number, slice.Writer, slice.Since, slice.Hours, _ttl), cancellation);
        await ReadAsync(cancellation);
    }

    async Task<HashSet<ulong>> ReadGoneAsync(Slice slice, CancellationToken cancellation)
    {
        var lows = (await _connection.RunAsync(_selectGone.Bind(slice.Number, slice.Writer), cancellation))
            .FirstOrDefault()?.GetValue<byte[]>(0);
        return new HashSet<ulong>(MemoryMarshal.Cast<byte, ulong>(lows).ToArray(), SeededHash.Comparer);
    }

    public Task SetRemovedAsync(Slice slice) => _connection.RunAsync(_setRemoved.Bind(_ttl, slice.Number));
}

/// <summary>
/// Which blocks have the spans that are there: of a slice that was thinned out those kept, else the whole.
/// </summary>
/// <param name="Read">A time stamp of the system.</param>
/// <param name="LastDecided">The number of the last slice on which it is decided what is kept.</param>
/// <param name="Thinned">By slice, who wrote what is kept of it.</param>
/// <param name="Gone">
/// The low halves of the ids of traces that went with the last slice, but have spans in the next one, which is not
/// decided on yet: they are not to be seen.
/// </param>
sealed record CurrentBlocks(long Read, long LastDecided, Dictionary<long, long> Thinned, HashSet<ulong> Gone)
{
    /// <summary>Whether there is anything but whole blocks.</summary>
    public bool HaveKept => Thinned.Count > 0;

    public bool Contain(BlockId id) => Thinned.TryGetValue(Slices.NumberOf(id.Stored), out var writer)
        ? id.IsKept && id.Writer == writer
        : !id.IsKept;
}
