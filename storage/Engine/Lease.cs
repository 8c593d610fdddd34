using Tracing.Storage.Tables;

namespace Tracing.Storage.Engine;

/// <summary>
/// Work that one process does at a time. It ends by itself when its owner dies; two may believe for a moment that they
/// have it, so it saves work but protects nothing. Where there is one process, that has it.
/// </summary>
/// <param name="owner">Names this process; never 0.</param>
sealed class Lease(ITables tables, string name, long owner)
{
    static readonly TimeSpan _lasts = TimeSpan.FromMinutes(1);

    // of our own row, when it is ours
    long _version;

    /// <summary>Takes it or renews it, for a minute; false when another process has it.</summary>
    public async Task<bool> HasAsync()
    {
        if (!tables.IsShared)
            return true;
        Row row = new(Table.Claims, Keys.OfKind((byte)ClaimKind.Lease, name), Keys.Empty, Keys.Of(owner), _lasts);
        var result = await tables.CompareAndSetAsync(row, _version, []);
        if (!result.IsSet && (result.Found is not { } found || Keys.NumberAt(found.Value, 0) == owner))
            result = await tables.CompareAndSetAsync(row, result.Found?.Version ?? 0, []);
        _version = result.IsSet ? result.Found!.Value.Version : 0;
        return result.IsSet;
    }
}
