using System.Collections.Frozen;
using System.Net;
using Tracing.Model;

namespace Tracing.Storage;

/// <summary>What a caller's span tells of whom it calls, each text of at most 256 characters; null: nothing.</summary>
/// <param name="Service">As the caller calls it, which need not be its own name.</param>
/// <param name="System">Of a database or a broker.</param>
/// <param name="Place">The database or the queue in it.</param>
/// <param name="Host">A host name or an address.</param>
/// <param name="IsDatabase">Then who is called has no spans.</param>
readonly record struct Peer(string? Service, string? System, string? Place, string? Host, bool IsDatabase)
{
    const int MaxLength = 256;

    // renamed when the conventions became stable, or spoken to by the driver of another one
    static readonly FrozenDictionary<string, string> OtherNames = new Dictionary<string, string>
    {
        ["mssql"] = "microsoft.sql_server",
        ["oracle"] = "oracle.db",
        ["db2"] = "ibm.db2",
        ["hanadb"] = "sap.hana",
        ["dynamodb"] = "aws.dynamodb",
        ["cosmosdb"] = "azure.cosmosdb",
        ["spanner"] = "gcp.spanner",
        ["mariadb"] = "mysql",
        ["cockroachdb"] = "postgresql",
        ["opensearch"] = "elasticsearch",
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    public bool IsKnown => (Service ?? System ?? Host) is not null;

    public bool IsBroker => System is not null && !IsDatabase;

    /// <summary>
    /// The name that people expect for who was called: of a database or a queue its system and its name, of others the
    /// service, else the host. Null when the span does not tell.
    /// </summary>
    public string? Name
    {
        get
        {
            if (IsDatabase)
                return Service ?? Join(System!, Place ?? Host);
            if (System is not null)
                return Place is null ? Service ?? System : Join(System, Place);
            return Service ?? Host;
        }
    }

    /// <summary>How well people know it by this name; 0 if there is none.</summary>
    public int Rank
    {
        get
        {
            if (System is not null)
                return Place is null ? 4 : 5;
            if (Service is not null)
                return 3;
            return Host is null ? 0 : IsAddress(Host) ? 1 : 2;
        }
    }

    public static Peer Of(Span span)
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
        if (database is not null)
            return new Peer(service, database, space, host, IsDatabase: true);
        return broker is not null
            ? new Peer(service, broker, queue, host, IsDatabase: false)
            : new Peer(service ?? Text(span.RemoteEndpoint?.ServiceName), null, null, host, IsDatabase: false);
    }

    /// <summary>Whether both may be the same, as nothing that they tell contradicts.</summary>
    public bool MayBe(in Peer other)
    {
        if (Service is not null && other.Service is not null)
            return AreOneName(Service, other.Service);
        if (System is not null && other.System is not null)
            return AreOneSystem(System, other.System) &&
                (Place is null || other.Place is null || AreOnePlace(Place, other.Place));
        var isContradicted = false;
        ReadOnlySpan<string?> names = [Service, System, Place, Host];
        ReadOnlySpan<string?> others = [other.Service, other.System, other.Place, other.Host];
        foreach (var name in names)
        {
            foreach (var another in others)
            {
                // an address tells nothing of a name
                if (name is null || another is null || IsAddress(name) != IsAddress(another))
                    continue;
                if (AreOneName(name, another))
                    return true;
                isContradicted = true;
            }
        }
        return !isContradicted;
    }

    /// <summary>Whether it may be a service that has spans, by that name or another one.</summary>
    public bool MayBeService(string service) =>
        service.Length == 0 || MayBe(new Peer(null, null, null, service, IsDatabase: false));

    static bool AreOneSystem(string one, string other) => string.Equals(
        OtherNames.GetValueOrDefault(one, one), OtherNames.GetValueOrDefault(other, other),
        StringComparison.OrdinalIgnoreCase);

    /// <summary>Some libraries add the instance or the schema: "instance|orders", "orders|public".</summary>
    static bool AreOnePlace(string one, string other) => Contains(one, other, "|");

    /// <summary>Services are called by the first label of their host, or by one of its domain.</summary>
    static bool AreOneName(string one, string other) => Contains(one, other, ".:");

    /// <summary>Whether one of the two is the other, or whole parts of it.</summary>
    static bool Contains(string one, string other, string separators)
    {
        var (longer, shorter) = one.Length < other.Length ? (other, one) : (one, other);
        for (var at = 0; (at = longer.IndexOf(shorter, at, StringComparison.OrdinalIgnoreCase)) >= 0; at++)
        {
            var end = at + shorter.Length;
            if ((at == 0 || separators.Contains(longer[at - 1], StringComparison.Ordinal)) &&
                (end == longer.Length || separators.Contains(longer[end], StringComparison.Ordinal)))
                return true;
        }
        return false;
    }

    // a number alone is an address, too, to the parser
    static bool IsAddress(string host) => host.AsSpan().ContainsAny(".:") && IPAddress.TryParse(host, out _);

    static string Join(string system, string? place) => place is null ? system : $"{system}/{place}";

    static string? Text(AttributeValue value) => Text(value.AsString());

    static string? Text(string? text) =>
        string.IsNullOrEmpty(text) ? null : text.Length > MaxLength ? text[..MaxLength] : text;
}
