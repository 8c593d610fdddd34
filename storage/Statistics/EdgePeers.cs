namespace Tracing.Storage;

/// <summary>
/// Numbers for those that callers call: 10,000 at most, of all further ones the name is <see cref="Series.Others"/>.
/// Takes 35 MB at most, as the texts have bounds.
/// </summary>
sealed class EdgePeers
{
    const int MaxPeers = 10_000;

    readonly Dictionary<Peer, ushort> _numbers = [];
    readonly List<(Peer Peer, string Name)> _peers = [(default, Series.Others)];

    /// <summary>Of a number; nothing is known of 0, which is none, and of those beyond the bound.</summary>
    public Peer this[ushort number] => number == 0 ? default : _peers[number - 1].Peer;

    /// <summary>The name of a number from 1.</summary>
    public string NameOf(ushort number) => _peers[number - 1].Name;

    /// <summary>0 if the peer has no name.</summary>
    public ushort NumberOf(in Peer peer)
    {
        if (!peer.IsKnown)
            return 0;
        if (_numbers.TryGetValue(peer, out var number))
            return number;
        if (_peers.Count > MaxPeers)
            return 1;
        _peers.Add((peer, peer.Name!));
        _numbers.Add(peer, (ushort)_peers.Count);
        return (ushort)_peers.Count;
    }
}
