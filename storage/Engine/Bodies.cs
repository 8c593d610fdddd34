
namespace Tracing.Storage.Engine;

/// <summary>
/// Who stores a body: whoever first claims its hash. The claim names a group, and the body is stored once that is
/// committed. A claim of a writer that died before is taken over. For any thread.
/// </summary>
sealed class Bodies
{
    /// <summary>Longer than a body is to be known, since a claim is older than its commit.</summary>
    const int ClaimSeconds = 15 * 60;

    const int AliveSeconds = 30;

    /// <summary>A write of a writer that died, were it to come ever so late, is older than in a year.</summary>
    static readonly TimeSpan _farFuture = TimeSpan.FromDays(365);

    readonly Connection _connection;
    readonly Commits _commits;
    readonly long _writer;
    readonly PreparedStatement _claim;
    readonly PreparedStatement _takeOver;
    readonly PreparedStatement _release;
    readonly PreparedStatement _setAlive;
    readonly PreparedStatement _selectAlive;

    public Bodies(Connection connection, Commits commits, long writer)
    {
        _connection = connection;
        _commits = commits;
        _writer = writer;
        _claim = connection.Prepare(
            $"INSERT INTO bodies (hash, writer, stored) VALUES (?, ?, ?) IF NOT EXISTS USING TTL {ClaimSeconds}");
        _takeOver = connection.Prepare($"UPDATE bodies USING TTL {ClaimSeconds} SET writer = ?, stored = ? " +
            "WHERE hash = ? IF writer = ? AND stored = ?");
        _release = connection.Prepare("DELETE FROM bodies WHERE hash = ? IF writer = ? AND stored = ?");
        _setAlive = connection.Prepare(
            $"INSERT INTO alive (writer, since) VALUES (?, 0) USING TTL {AliveSeconds}");
        _selectAlive = connection.Prepare("SELECT since FROM alive WHERE writer = ?");
    }

    public static TimeSpan AliveEvery { get; } = TimeSpan.FromSeconds(AliveSeconds / 3);

    public static TimeSpan AliveFor { get; } = TimeSpan.FromSeconds(AliveSeconds);

    public Task SetAliveAsync() => _connection.RunAsync(_setAlive.Bind(_writer));

    /// <summary>
    /// Claims a body for a group; or tells that it is stored, or (Overloaded) that somebody is about to store it.
    /// </summary>
    public async Task<AppendOutcome> ClaimAsync(UInt128 hash, long stored)
    {
        var key = KeyOf(hash);
        var row = (await _connection.RunAsync(_claim.Bind(key, _writer, stored))).First();
        if (row.GetValue<bool>("[applied]"))
            return AppendOutcome.Stored;
        while (true)
        {
            var (writer, group) = (row.GetValue<long>("writer"), row.GetValue<long>("stored"));
            // also when a claim of ours was answered late and sent again
            if (writer == _writer && group == stored)
                return AppendOutcome.Stored;
            // our own that we do not know any more is older than is to be known
            if (writer != _writer)
            {
                if (await _commits.IsCommittedAsync(writer, group))
                    return AppendOutcome.AlreadyStored;
                if (await IsAliveAsync(writer))
                    return AppendOutcome.Overloaded;
                await _commits.ForbidAsync(writer, group, TimeProvider.System.GetUtcNow() + _farFuture);
                if (await _commits.IsCommittedAsync(writer, group))
                    return AppendOutcome.AlreadyStored;
            }
            row = (await _connection.RunAsync(_takeOver.Bind(_writer, stored, key, writer, group))).First();
            if (row.GetValue<bool>("[applied]"))
                return AppendOutcome.Stored;
            if (row.GetColumn("writer") is null || row.IsNull("writer"))
                return await ClaimAsync(hash, stored);
        }
    }

    /// <summary>Gives up a claim, as nothing was stored.</summary>
    public Task ReleaseAsync(UInt128 hash, long stored) =>
        _connection.RunAsync(_release.Bind(KeyOf(hash), _writer, stored));

    async Task<bool> IsAliveAsync(long writer) => (await _connection.RunAsync(_selectAlive.Bind(writer))).Any();

    static byte[] KeyOf(UInt128 hash)
    {
        var bytes = new byte[16];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt128BigEndian(bytes, hash);
        return bytes;
    }
}
