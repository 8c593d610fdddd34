using System.Collections.Concurrent;

namespace Tracing.Storage.Engine;

/// <summary>A group that is stored.</summary>
/// <param name="Blocks">How many it has.</param>
/// <param name="Points">What it counts, as <see cref="PointsCodec"/> writes it.</param>
sealed record Commit(long Writer, long Stored, int Blocks, byte[] Points);

/// <summary>Which groups are stored, by writer and minute; and which writers there are.</summary>
sealed class Commits
{
    /// <summary>Minutes of a writer that are read together.</summary>
    const int SlotsAtOnce = 16;

    /// <summary>Groups remembered as committed; beyond it all are forgotten, and asked for again.</summary>
    const int MaxKnown = 1_000_000;

    readonly ConcurrentDictionary<(long Writer, long Stored), bool> _known = [];
    readonly Connection _connection;
    readonly int _ttl;
    readonly PreparedStatement _insert;
    readonly PreparedStatement _select;
    readonly PreparedStatement _selectOne;
    readonly PreparedStatement _forbid;
    readonly PreparedStatement _insertWriter;
    readonly PreparedStatement _selectWriters;
    readonly PreparedStatement _selectGroups;
    readonly PreparedStatement _delete;

    public Commits(Connection connection)
    {
        _connection = connection;
        // statistics are made of them within seconds; so long may nobody be there to do it
        _ttl = Math.Max(Tables.SecondsOf(connection.Options.Retention), 3 * 86_400);
        _insert = connection.Prepare(
            "INSERT INTO commits (writer, slot, stored, blocks, points) VALUES (?, ?, ?, ?, ?) USING TTL ?");
        _select = connection.Prepare(
            "SELECT stored, blocks, points FROM commits WHERE writer = ? AND slot = ? AND stored > ?");
        _selectOne = connection.Prepare("SELECT blocks FROM commits WHERE writer = ? AND slot = ? AND stored = ?");
        _forbid = connection.Prepare(
            "DELETE FROM commits USING TIMESTAMP ? WHERE writer = ? AND slot = ? AND stored = ?");
        _insertWriter = connection.Prepare(
            "INSERT INTO writers (id, writer, first_slot, last_slot) VALUES (0, ?, ?, ?) USING TTL ?");
        _selectWriters = connection.Prepare("SELECT writer, first_slot, last_slot FROM writers WHERE id = 0");
        _selectGroups = connection.Prepare("SELECT stored, blocks FROM commits WHERE writer = ? AND slot = ?");
        _delete = connection.Prepare("DELETE FROM commits WHERE writer = ? AND slot = ?");
    }

    public BoundStatement Insert(Commit commit) => _insert.Bind(
        commit.Writer, Tables.SlotOf(commit.Stored), commit.Stored, commit.Blocks, commit.Points, _ttl);

    public BoundStatement InsertWriter(long writer, long firstSlot, long lastSlot) =>
        _insertWriter.Bind(writer, firstSlot, lastSlot, _ttl);

    public async Task<bool> IsCommittedAsync(long writer, long stored) => (await _connection.RunAsync(
        _selectOne.Bind(writer, Tables.SlotOf(stored), stored))).Any();

    /// <summary>Of groups, those that are committed; asked once for each that is.</summary>
    public async Task<HashSet<(long Writer, long Stored)>> AmongAsync(
        IEnumerable<(long Writer, long Stored)> groups, CancellationToken cancellation)
    {
        if (_known.Count > MaxKnown)
            _known.Clear();
        var all = groups.ToHashSet();
        var unknown = all.Where(group => !_known.ContainsKey(group)).ToList();
        var answers = await Tables.ForAllAsync(
            unknown, group => IsCommittedAsync(group.Writer, group.Stored), cancellation);
        for (var i = 0; i < unknown.Count; i++)
        {
            if (answers[i])
                _known.TryAdd(unknown[i], true);
            else
                all.Remove(unknown[i]);
        }
        return all;
    }

    /// <summary>Has a commit that is not there yet never be there.</summary>
    /// <param name="until">No write until then brings it.</param>
    public Task ForbidAsync(long writer, long stored, DateTimeOffset until) => _connection.RunAsync(
        _forbid.Bind(until.ToUnixTimeMilliseconds() * 1000, writer, Tables.SlotOf(stored), stored));

    /// <summary>The groups of all writers beyond marks, in the order stored.</summary>
    /// <param name="enough">Ends after so many bytes of points; what is left out comes after these.</param>
    public async Task<List<Commit>> ReadAsync(
        IReadOnlyDictionary<long, long> marks, long enough, CancellationToken cancellation)
    {
        var writers = await ReadWritersAsync(cancellation);
        var slots = new List<(long Writer, long Slot, long Mark)>();
        foreach (var (writer, first, last) in writers)
        {
            var mark = marks.GetValueOrDefault(writer, -1);
            for (var slot = Math.Max(first, Tables.SlotOf(Math.Max(0, mark))); slot <= last; slot++)
                slots.Add((writer, slot, mark));
        }
        var all = new List<Commit>();
        foreach (var some in slots.OrderBy(slot => slot.Slot).Chunk(SlotsAtOnce))
        {
            var read = await Tables.ForAllAsync(some, slot => _connection.ReadAsync(
                _select.Bind(slot.Writer, slot.Slot, slot.Mark), row => new Commit(
                    slot.Writer, row.GetValue<long>(0), row.GetValue<int>(1), row.GetValue<byte[]>(2)), cancellation),
                cancellation);
            all.AddRange(read.SelectMany(commits => commits));
            enough -= read.Sum(commits => commits.Sum(commit => (long)commit.Points.Length));
            if (enough <= 0)
                break;
        }
        return [.. all.OrderBy(commit => commit.Stored).ThenBy(commit => commit.Writer)];
    }

    /// <summary>Who writes, and the minutes (since 1970) of their first and last groups.</summary>
    public Task<List<(long Writer, long First, long Last)>> ReadWritersAsync(CancellationToken cancellation) =>
        _connection.ReadAsync(_selectWriters.Bind(), row =>
            (row.GetValue<long>(0), row.GetValue<long>(1), row.GetValue<long>(2)), cancellation);

    /// <summary>The groups that a writer began in a minute, with the number of blocks of each.</summary>
    public Task<List<(long Stored, int Blocks)>> ReadGroupsAsync(
        long writer, long slot, CancellationToken cancellation) => _connection.ReadAsync(
            _selectGroups.Bind(writer, slot), row => (row.GetValue<long>(0), row.GetValue<int>(1)), cancellation);

    /// <summary>Forgets the groups that a writer began in a minute.</summary>
    public Task DeleteAsync(long writer, long slot) => _connection.RunAsync(_delete.Bind(writer, slot));
}
