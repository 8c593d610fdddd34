
namespace Tracing.Storage.Engine;

/// <summary>What members leave for each other; a note ends by its TTL.</summary>
sealed class Notes(Connection connection)
{
    const int LifetimeSeconds = 30;

    readonly PreparedStatement _insert = connection.Prepare(
        $"INSERT INTO notes (topic, member, note) VALUES (?, ?, ?) USING TTL {LifetimeSeconds}");
    readonly PreparedStatement _select = connection.Prepare("SELECT note FROM notes WHERE topic = ?");

    public async Task<IReadOnlyList<ReadOnlyMemory<byte>>> ExchangeAsync(
        string topic, string member, ReadOnlyMemory<byte> note, CancellationToken cancellationToken)
    {
        await connection.RunAsync(_insert.Bind(topic, member, note.ToArray()), cancellationToken);
        return await connection.ReadAsync(_select.Bind(topic),
            row => new ReadOnlyMemory<byte>(row.GetValue<byte[]>("note")), cancellationToken);
    }
}
