using System.Text;
using Tracing.Storage.Tables;

namespace Tracing.Storage.Engine;

/// <summary>What members leave for each other; a note ends by itself.</summary>
sealed class Notes(ITables tables)
{
    static readonly TimeSpan _lasts = TimeSpan.FromSeconds(30);

    public async Task<IReadOnlyList<ReadOnlyMemory<byte>>> ExchangeAsync(
        string topic, string member, ReadOnlyMemory<byte> note, CancellationToken cancellationToken)
    {
        var partition = Keys.OfKind((byte)ClaimKind.Note, topic);
        await tables.PutAsync([new(Table.Claims, partition, Encoding.UTF8.GetBytes(member), note.ToArray(), _lasts)],
            cancellation: cancellationToken);
        return (await tables.ScanAsync(Table.Claims, partition, Keys.Empty, null, cancellation: cancellationToken))
            .ConvertAll(row => new ReadOnlyMemory<byte>(row.Value));
    }
}
