using System.ComponentModel;

namespace Tracing.Server;

/// <summary>How Cassandra is reached and used, section <c>Tracing:Storage:Cassandra</c>.</summary>
public sealed class CassandraOptions
{
    [Description("Nodes of the cluster to ask for the others: host or host:port. Comma-separated.")]
    public string ContactPoints { get; set; } = "localhost";

    [Description("Keyspace of the tables: lower-case letters, digits and _, up to 48.")]
    public string Keyspace { get; set; } = "tracing";

    [Description("Data centre whose nodes are asked; empty for that of the contact points.")]
    public string LocalDatacenter { get; set; } = "";

    [Description("Copies of each row when the keyspace is made: a number, or data centres with a number each, such " +
        "as dc1:3,dc2:3.")]
    public string Replication { get; set; } = "1";

    [Description("Whether keyspace and tables are made when absent. Else they must be there: --cassandra-schema " +
        "prints them.")]
    public bool ManageSchema { get; set; } = true;

    [Description("User, empty for none.")]
    public string Username { get; set; } = "";

    [Description("Password of the user.")]
    public string Password { get; set; } = "";

    [Description("Whether connections are encrypted.")]
    public bool UseSsl { get; set; }

    [Description("Whether a node's certificate must name its host.")]
    public bool ValidateHostname { get; set; } = true;

    [Description("How many copies are written before spans are acknowledged, and read: LocalOne, LocalQuorum, " +
        "Quorum, One, All.")]
    public string Consistency { get; set; } = "LocalQuorum";

    [Description("After how long a read is sent to another node too. Time span, 0 for never.")]
    public TimeSpan SpeculativeDelay { get; set; } = TimeSpan.FromMilliseconds(100);

    [Description("How long requests wait for others to be written with. Time span, 0 or more.")]
    public TimeSpan GroupDelay { get; set; } = TimeSpan.FromMilliseconds(50);

    [Description("Groups of requests written at once. 1 to 1000.")]
    public int MaxGroups { get; set; } = 3;

    [Description("Spans that are stored together as a block. 1 to 1000000.")]
    public int BlockSpans { get; set; } = 2_000;

    [Description("How long a request waits to be written before it is answered 503 and Retry-After. Time span, more " +
        "than 0.")]
    public TimeSpan WriteTimeout { get; set; } = TimeSpan.FromSeconds(10);

    [Description("Memory for blocks that were read. MiB, 1 to 1000000.")]
    public int CacheMiB { get; set; } = 256;

    [Description("How far from the time searched Zipkin's search, and orders that are not by time, look for spans " +
        "of a trace. Time span, 0 or more.")]
    public TimeSpan TraceSpread { get; set; } = TimeSpan.FromMinutes(1);
#if CASSANDRA

    /// <summary>What the store is opened with.</summary>
    internal Storage.Cassandra.CassandraStoreOptions ToStore(ServerOptions options) => new()
    {
        ContactPoints = ContactPoints.Split(',', StringSplitOptions.TrimEntries),
        Keyspace = Keyspace,
        LocalDatacenter = LocalDatacenter,
        Replication = Replication,
        ManageSchema = ManageSchema,
        Username = Username,
        Password = Password,
        UseSsl = UseSsl,
        ValidateHostname = ValidateHostname,
        Consistency = Consistency,
        SpeculativeDelay = SpeculativeDelay,
        GroupDelay = GroupDelay,
        MaxGroups = MaxGroups,
        BlockSpans = BlockSpans,
        WriteTimeout = WriteTimeout,
        CacheMiB = CacheMiB,
        TraceSpread = TraceSpread,
        MaxQueuedSpans = options.Storage.MaxQueuedSpans,
        Retention = options.Storage.Retention,
        HoursRetention = options.Storage.HoursRetention,
        DaysRetention = options.Storage.DaysRetention,
        HotWindow = options.Storage.HotWindow,
        BaselineRate = options.Storage.BaselineRate,
        AutocompleteKeys = options.Query.AutocompleteKeyList(),
    };

    /// <summary>What is wrong with the values.</summary>
    public IEnumerable<string> Validate()
    {
        var problem = "";
        try
        {
            ToStore(new ServerOptions()).Validate();
        }
        catch (ArgumentException exception)
        {
            problem = exception.Message.TrimEnd('.');
        }
        if (problem.Length > 0)
            yield return problem;
    }
#endif
}
