using System.Globalization;
using System.Text.RegularExpressions;

namespace Tracing.Storage.Cassandra;

/// <summary>How the store in Cassandra is set up. Checked by <see cref="Validate"/> when it is opened.</summary>
public sealed partial record CassandraStoreOptions
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

    /// <summary>Keys of tags whose values are kept for completion. Default: none.</summary>
    public IReadOnlyList<string> AutocompleteKeys { get; init; } = [];

    /// <summary>How many spans may wait to be written before more are refused as overload. Default: 200,000.</summary>
    public int MaxQueuedSpans { get; init; } = 200_000;

    /// <summary>How long a group waits for more requests before it is written. Default: 50 ms; 0 or more.</summary>
    public TimeSpan GroupDelay { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Groups written at once; while so many are, the next one grows. Default: 3; from 1.</summary>
    public int MaxGroups { get; init; } = 3;

    /// <summary>How many spans a group has at most, unless a single request has more. Default: 20,000.</summary>
    public int MaxGroupSpans { get; init; } = 20_000;

    /// <summary>
    /// How many spans a block has at most. More take less room; fewer are decoded sooner for a trace by id. Default:
    /// 2,000.
    /// </summary>
    public int BlockSpans { get; init; } = 2_000;

    /// <summary>
    /// A request is answered as overloaded when it is not written by then, though it may be later; who sends it again
    /// hears. Default: 10 s.
    /// </summary>
    public TimeSpan WriteTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Memory for blocks that were read, in MiB. Default: 256; from 1.</summary>
    public int CacheMiB { get; init; } = 256;

    /// <summary>How long spans are kept. Default: 7 days.</summary>
    public TimeSpan Retention { get; init; } = TimeSpan.FromDays(7);

    /// <summary>How long latencies are kept by the hour; by the minute as long as spans. Default: 60 days.</summary>
    public TimeSpan HoursRetention { get; init; } = TimeSpan.FromDays(60);

    /// <summary>How long latencies are kept by the day. Default: 396 days, 13 months.</summary>
    public TimeSpan DaysRetention { get; init; } = TimeSpan.FromDays(396);

    /// <summary>
    /// How long after spans were stored their traces are thinned out; 20 minutes at least. Default: 1 hour; 0 or more.
    /// </summary>
    public TimeSpan HotWindow { get; init; } = TimeSpan.FromHours(1);

    /// <summary>
    /// Share of the traces that nothing speaks for (no error, not slow, not rare) that are kept after the hot window;
    /// 1 keeps everything. Default: 0.1; 0 to 1.
    /// </summary>
    public double BaselineRate { get; init; } = 0.1;

    /// <summary>
    /// How far from the time searched Zipkin's search looks for spans that meet its conditions, and how far spans count
    /// when traces are ordered by something else than time. Default: 1 minute.
    /// </summary>
    public TimeSpan TraceSpread { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How often what is stored is counted for good; calls whose callee does not come are seen within twice this time.
    /// Default: 4 s.
    /// </summary>
    public TimeSpan CountEvery { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>For tests: how wrong this process's clock is.</summary>
    internal Func<TimeSpan> ClockError { get; init; } = () => TimeSpan.Zero;

    /// <summary>When fewer traces are stored within 5 minutes, they are not thinned out.</summary>
    internal int MinThinnedTraces { get; init; } = Tiers.MinTraces;

    /// <summary>Whether exemplars of statistics are kept in thinning out; for tests that count.</summary>
    internal bool KeepsExemplars { get; init; } = true;

    /// <exception cref="ArgumentException">A value is out of its range; the message names it and the value.</exception>
    public void Validate()
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
        CheckAtLeast(nameof(MaxQueuedSpans), MaxQueuedSpans, 1);
        CheckAtLeast(nameof(MaxGroups), MaxGroups, 1);
        CheckAtLeast(nameof(MaxGroupSpans), MaxGroupSpans, 1);
        CheckAtLeast(nameof(BlockSpans), BlockSpans, 1);
        CheckAtLeast(nameof(CacheMiB), CacheMiB, 1);
        CheckPositive(nameof(WriteTimeout), WriteTimeout);
        CheckPositive(nameof(Retention), Retention);
        CheckPositive(nameof(HoursRetention), HoursRetention);
        CheckPositive(nameof(DaysRetention), DaysRetention);
        CheckPositive(nameof(CountEvery), CountEvery);
        if (GroupDelay < TimeSpan.Zero)
            throw new ArgumentException($"GroupDelay must be at least 0, but it is {GroupDelay}.");
        if (HotWindow < TimeSpan.Zero)
            throw new ArgumentException($"HotWindow must be at least 0, but it is {HotWindow}.");
        if (BaselineRate is not (>= 0 and <= 1))
            throw new ArgumentException($"BaselineRate must be between 0 and 1, but it is {BaselineRate}.");
        if (TraceSpread < TimeSpan.Zero)
            throw new ArgumentException($"TraceSpread must be at least 0, but it is {TraceSpread}.");
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

    static void CheckAtLeast(string name, int value, int minimum)
    {
        if (value < minimum)
            throw new ArgumentException($"{name} must be at least {minimum}, but it is {value}.");
    }

    static void CheckPositive(string name, TimeSpan value)
    {
        if (value <= TimeSpan.Zero)
            throw new ArgumentException($"{name} must be more than 0, but it is {value}.");
    }

    [GeneratedRegex("^[a-z][a-z0-9_]{0,47}$")]
    private static partial Regex KeyspaceName();

    [GeneratedRegex("^([A-Za-z0-9_.-]+):([1-9][0-9]?)$")]
    private static partial Regex Datacenter();
}
