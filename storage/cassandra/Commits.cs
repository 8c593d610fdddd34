using Cassandra;

namespace Tracing.Storage.Cassandra;

/// <summary>A group that is stored.</summary>
/// <param name="Blocks">How many it has.</param>
/// <param name="Points">What it counts, as <see cref="PointsCodec"/> writes it.</param>
sealed record Commit(long Writer, long Stored, int Blocks, byte[] Points);

/// <summary>Which groups are stored, by writer and minute; and which writers there are.</summary>
sealed class Commits
{
    readonly Connection _connection;
    readonly int _ttl;
    readonly PreparedStatement _insert;
    readonly PreparedStatement _select;
    readonly PreparedStatement _selectOne;
    readonly PreparedStatement _forbid;
    readonly PreparedStatement _insertWriter;
    readonly PreparedStatement _selectWriters;

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
    }

    public BoundStatement Insert(Commit commit) => _insert.Bind(
        commit.Writer, Tables.SlotOf(commit.Stored), commit.Stored, commit.Blocks, commit.Points, _ttl);

    public BoundStatement InsertWriter(long writer, long firstSlot, long lastSlot) =>
        _insertWriter.Bind(writer, firstSlot, lastSlot, _ttl);

    public async Task<bool> IsCommittedAsync(long writer, long stored) => (await _connection.RunAsync(
        _selectOne.Bind(writer, Tables.SlotOf(stored), stored))).Any();

    /// <summary>Has a commit that is not there yet never be there.</summary>
    public Task ForbidAsync(long writer, long stored, long timestampMicros) => _connection.RunAsync(
        _forbid.Bind(timestampMicros, writer, Tables.SlotOf(stored), stored));

    /// <summary>The groups of all writers beyond marks, in the order stored.</summary>
    public async Task<List<Commit>> ReadAsync(
        IReadOnlyDictionary<long, long> marks, CancellationToken cancellation)
    {
        var writers = await _connection.ReadAsync(_selectWriters.Bind(), row =>
            (Writer: row.GetValue<long>(0), First: row.GetValue<long>(1), Last: row.GetValue<long>(2)), cancellation);
        var slots = new List<(long Writer, long Slot, long Mark)>();
        foreach (var (writer, first, last) in writers)
        {
            var mark = marks.GetValueOrDefault(writer, -1);
            for (var slot = Math.Max(first, Tables.SlotOf(Math.Max(0, mark))); slot <= last; slot++)
                slots.Add((writer, slot, mark));
        }
        var all = await Tables.ForAllAsync(slots, slot => _connection.ReadAsync(
            _select.Bind(slot.Writer, slot.Slot, slot.Mark), row => new Commit(
                slot.Writer, row.GetValue<long>(0), row.GetValue<int>(1), row.GetValue<byte[]>(2)), cancellation),
            cancellation);
        return [.. all.SelectMany(commits => commits)
            .OrderBy(commit => commit.Stored).ThenBy(commit => commit.Writer)];
    }
}
