using System.Buffers.Binary;
using Tracing.Storage.Tables;

namespace Tracing.Storage.Engine;

/// <summary>
/// Who stores a body: whoever first claims its hash. The claim names a group, and the body is stored once that is
/// committed. A claim of a writer that died before is taken over. For any thread.
/// </summary>
sealed class Bodies(ITables tables, Commits commits, long writer)
{
    /// <summary>Longer than a body is to be known, since a claim is older than its commit.</summary>
    static readonly TimeSpan _claimedFor = TimeSpan.FromMinutes(15);

    /// <summary>A write of a writer that died, were it to come ever so late, is older than in a year.</summary>
    static readonly TimeSpan _farFuture = TimeSpan.FromDays(365);

    public static TimeSpan AliveFor { get; } = TimeSpan.FromSeconds(30);

    public static TimeSpan AliveEvery { get; } = AliveFor / 3;

    public Task SetAliveAsync() => tables.PutAsync(
        [new(Table.Claims, [(byte)ClaimKind.Alive], Keys.Of(writer), [], AliveFor)]);

    /// <summary>
    /// Claims a body for a group; or tells that it is stored, or (Overloaded) that somebody is about to store it.
    /// </summary>
    public async Task<AppendOutcome> ClaimAsync(UInt128 hash, long stored)
    {
        var row = RowOf(hash, Keys.Of(writer, stored));
        var result = await tables.CompareAndSetAsync(row, 0, []);
        while (!result.IsSet)
        {
            if (result.Found is { Value.Length: > 0 } found)
            {
                var (owner, group) = Read(found);
                // also when a claim of ours was answered late and sent again
                if (owner == writer && group == stored)
                    return AppendOutcome.Stored;
                // our own that we do not know any more is older than is to be known
                if (owner != writer)
                {
                    if (await commits.IsCommittedAsync(owner, group))
                        return AppendOutcome.AlreadyStored;
                    if (await IsAliveAsync(owner))
                        return AppendOutcome.Overloaded;
                    await commits.ForbidAsync(owner, group, TimeProvider.System.GetUtcNow() + _farFuture);
                    if (await commits.IsCommittedAsync(owner, group))
                        return AppendOutcome.AlreadyStored;
                }
            }
            result = await tables.CompareAndSetAsync(row, result.Found?.Version ?? 0, []);
        }
        return AppendOutcome.Stored;
    }

    /// <summary>Gives up a claim, as nothing was stored.</summary>
    public async Task ReleaseAsync(UInt128 hash, long stored)
    {
        var row = RowOf(hash, []);
        if (await tables.GetAsync(row.Table, row.Partition, row.Key) is { Value.Length: > 0 } found &&
            Read(found) == (writer, stored))
            await tables.CompareAndSetAsync(row, found.Version, []);
    }

    async Task<bool> IsAliveAsync(long owner) => tables.IsShared &&
        await tables.GetAsync(Table.Claims, [(byte)ClaimKind.Alive], Keys.Of(owner)) is not null;

    static (long Writer, long Stored) Read(Entry claim) =>
        (Keys.NumberAt(claim.Value, 0), Keys.NumberAt(claim.Value, sizeof(long)));

    /// <param name="claim">Writer and group; empty when it was given up.</param>
    static Row RowOf(UInt128 hash, byte[] claim)
    {
        var partition = new byte[17];
        partition[0] = (byte)ClaimKind.Body;
        BinaryPrimitives.WriteUInt128BigEndian(partition.AsSpan(1), hash);
        return new(Table.Claims, partition, Keys.Empty, claim, _claimedFor);
    }
}
