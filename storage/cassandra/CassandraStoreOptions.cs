using System.Globalization;
using System.Text.RegularExpressions;
using Tracing.Storage.Engine;

namespace Tracing.Storage.Cassandra;

/// <summary>How the store in Cassandra is set up. Checked by <see cref="Validate"/> when it is opened.</summary>
public sealed partial record CassandraStoreOptions : EngineOptions
{
    /// <summary>Nodes to ask for the others, host or host:port. Default: localhost.</summary>
    public IReadOnlyList<string> ContactPoints { get; init; } = ["localhost"];

    /// <summary>Where a contact point names none. Default: 9042; 1 to 65535.</summary>
    public int Port { get; init; } = 9042;

    public string Keyspace { get; init; } = "tracing";

    /// <summary>The data centre whose nodes are asked; empty for that of the contact points.</summary>
    public string LocalDatacenter { get; init; } = "";

    /// <summary>
    /// Copies of each row, when the keyspace is made: a number, or data centres with a number each (dc1:3,dc2:3).
    /// Default: 1.
    /// </summary>
    public string Replication { get; init; } = "1";

    /// <summary>False: keyspace and tables are made by others, from schema.cql.</summary>
    public bool ManageSchema { get; init; } = true;

    /// <summary>Empty for none.</summary>
    public string Username { get; init; } = "";

    public string Password { get; init; } = "";

    public bool UseSsl { get; init; }

    /// <summary>Whether a node's certificate must name its host; without effect unless SSL is used.</summary>
    public bool ValidateHostname { get; init; } = true;

    /// <summary>
    /// How many replicas answer reads and writes: LocalOne, LocalQuorum, Quorum, One, All or the like. What is
    /// acknowledged is on so many. Default: LocalQuorum, which one replica alone is too.
    /// </summary>
    public string Consistency { get; init; } = "LocalQuorum";

    /// <summary>
    /// After how long a read that is not answered is sent to another replica too. Default: 100 ms; 0 for never.
    /// </summary>
    public TimeSpan SpeculativeDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How long the start waits for Cassandra. Default: forever.</summary>
    public TimeSpan ConnectTimeout { get; init; } = Timeout.InfiniteTimeSpan;

    /// <exception cref="ArgumentException">A value is out of its range; the message names it and the value.</exception>
    public override void Validate()
    {
        if (ContactPoints.Count == 0 || ContactPoints.Any(string.IsNullOrWhiteSpace))
            throw new ArgumentException($"ContactPoints is \"{string.Join(',', ContactPoints)}\"; it must name hosts.");
        CheckAtLeast(nameof(Port), Port, 1);
        if (!KeyspaceName().IsMatch(Keyspace))
        {
            throw new ArgumentException($"Keyspace is \"{Keyspace}\"; it must begin with a letter and have up to 48 " +
                "lower-case letters, digits and _.");
        }
        _ = ReplicationCql();
        if (!Enum.TryParse<global::Cassandra.ConsistencyLevel>(Consistency, true, out _))
        {
            throw new ArgumentException(
                $"Consistency is \"{Consistency}\"; it must be LocalOne, LocalQuorum, Quorum, One, All or the like.");
        }
        base.Validate();
    }

    /// <summary>What stands after "replication =".</summary>
    internal string ReplicationCql()
    {
        if (int.TryParse(Replication, NumberStyles.None, CultureInfo.InvariantCulture, out var copies) && copies > 0)
            return $"{{'class': 'SimpleStrategy', 'replication_factor': {copies}}}";
        var centres = Replication.Split(',').Select(each => Datacenter().Match(each.Trim())).ToList();
        if (!centres.TrueForAll(centre => centre.Success))
        {
            throw new ArgumentException($"Replication is \"{Replication}\"; it must be a number of copies, or data " +
                "centres with a number each, such as dc1:3,dc2:3.");
        }
        return "{'class': 'NetworkTopologyStrategy', " + string.Join(", ",
            centres.Select(centre => $"'{centre.Groups[1].Value}': {centre.Groups[2].Value}")) + "}";
    }

    [GeneratedRegex("^[a-z][a-z0-9_]{0,47}$")]
    private static partial Regex KeyspaceName();

    [GeneratedRegex("^([A-Za-z0-9_.-]+):([1-9][0-9]?)$")]
    private static partial Regex Datacenter();
}
