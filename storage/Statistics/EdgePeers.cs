using Tracing.Model;

namespace Tracing.Storage;

/// <summary>
/// The names that callers have for those they call, and numbers for them: 10,000 at most, all further ones
/// are <see cref="Series.Others"/>.
/// </summary>
sealed class EdgePeers
{
    const int MaxPeers = 10_000;

    /// <summary>Characters of a name; the rest is cut off.</summary>
    const int MaxLength = 256;

    readonly Dictionary<string, ushort> _numbers = [];
    readonly List<string> _names = [Series.Others];

    // texts that are put together are so once
    readonly Dictionary<(string System, string Place), string> _joined = [];

    /// <summary>The name of a number from 1.</summary>
    public string this[ushort number] => _names[number - 1];

    public ushort NumberOf(string peer)
    {
        if (_numbers.TryGetValue(peer, out var number))
            return number;
        if (_names.Count > MaxPeers)
            return 1;
        _names.Add(peer);
        _numbers.Add(peer, (ushort)_names.Count);
        return (ushort)_names.Count;
    }

    /// <summary>
    /// The name that people expect for who was called: of a database or a queue its system and its name, of others the
    /// service, else the host. Null when the span does not tell.
    /// </summary>
    /// <param name="isDatabase">Then who was called has no spans.</param>
    public string? NameOf(Span span, out bool isDatabase)
    {
        string? service = null, database = null, space = null, broker = null, queue = null, host = null;
        foreach (var (key, value) in span.Attributes)
        {
            switch (key)
            {
                case "peer.service": service = Text(value); break;
                case "db.system.name": database = Text(value) ?? database; break;
                case "db.system": database ??= Text(value); break;
                case "db.namespace": space = Text(value) ?? space; break;
                case "db.name": space ??= Text(value); break;
                case "messaging.system": broker = Text(value); break;
                case "messaging.destination.name": queue = Text(value) ?? queue; break;
                case "messaging.destination": queue ??= Text(value); break;
                case "server.address": host = Text(value) ?? host; break;
                case "net.peer.name": host ??= Text(value); break;
                default: break;
            }
        }
        isDatabase = database is not null;
        if (database is not null)
            return service ?? Join(database, space ?? host);
        if (broker is not null)
            return queue is null ? service ?? broker : Join(broker, queue);
        return service ?? Text(span.RemoteEndpoint?.ServiceName) ?? host;
    }

    static string? Text(AttributeValue value) => Text(value.AsString());

    static string? Text(string? text) =>
        string.IsNullOrEmpty(text) ? null : text.Length > MaxLength ? text[..MaxLength] : text;

    string Join(string system, string? place)
    {
        if (place is null)
            return system;
        if (_joined.TryGetValue((system, place), out var joined))
            return joined;
        joined = $"{system}/{place}";
        if (_joined.Count < MaxPeers)
            _joined.Add((system, place), joined);
        return joined;
    }
}
