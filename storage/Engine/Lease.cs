
namespace Tracing.Storage.Engine;

/// <summary>
/// Work that one process does at a time. It ends by itself when its owner dies; two may believe for a moment that they
/// have it, so it saves work but protects nothing.
/// </summary>
/// <param name="owner">Names this process; never 0.</param>
sealed class Lease(Connection connection, string name, long owner)
{
    const int Seconds = 60;

    readonly PreparedStatement _take = connection.Prepare(
        $"INSERT INTO leases (name, owner) VALUES (?, ?) IF NOT EXISTS USING TTL {Seconds}");

    readonly PreparedStatement _renew = connection.Prepare(
        $"UPDATE leases USING TTL {Seconds} SET owner = ? WHERE name = ? IF owner = ?");

    /// <summary>Takes it or renews it, for a minute; false when another process has it.</summary>
    public async Task<bool> HasAsync()
    {
        var row = (await connection.RunAsync(_renew.Bind(owner, name, owner))).First();
        if (row.GetValue<bool>("[applied]"))
            return true;
        row = (await connection.RunAsync(_take.Bind(name, owner))).First();
        return row.GetValue<bool>("[applied]") || row.GetValue<long>("owner") == owner;
    }
}
