using System.ComponentModel;
using Tracing.Storage.RocksDb;

namespace Tracing.Server;

/// <summary>The stores there are.</summary>
public enum StorageKind
{
    /// <summary>In a folder, by RocksDB.</summary>
    Embedded,

    Cassandra,
}

/// <summary>Where spans are kept, section <c>Tracing:Storage</c>.</summary>
public sealed class StorageOptions
{
    [Description("Which store: embedded (in a folder of this machine) or cassandra.")]
    public StorageKind Kind { get; set; } = StorageKind.Embedded;

    [Description("Folder of the embedded store, made if absent. Relative to the working directory.")]
    public string Path { get; set; } = "./data";

    [Description("Spans that may wait to be written; beyond it 503 and Retry-After. 1 to 100000000.")]
    public int MaxQueuedSpans { get; set; } = 200_000;

    [Description("How long spans are kept after they were stored. Time span, more than 0.")]
    public TimeSpan Retention { get; set; } = TimeSpan.FromDays(7);

    [Description("How long latencies are kept by the hour; by the minute as long as spans. " +
        "Time span, more than 0.")]
    public TimeSpan HoursRetention { get; set; } = TimeSpan.FromDays(60);

    [Description("How long latencies are kept by the day. Time span, more than 0.")]
    public TimeSpan DaysRetention { get; set; } = TimeSpan.FromDays(396);

    [Description("Size of the embedded store's files above which the oldest spans are dropped, before their time. " +
        "Bytes, 0 for no bound.")]
    public long MaxBytes { get; set; }

    [Description("How long spans are left alone after they were stored, before they are thinned out; 20 minutes at " +
        "least. Time span, 0 or more.")]
    public TimeSpan HotWindow { get; set; } = TimeSpan.FromHours(1);

    [Description("Share of traces that are kept after the hot window, of those without an error that are neither " +
        "slow nor rare; decided by trace id. 0 to 1, which keeps all.")]
    public double BaselineRate { get; set; } = 0.1;

    public CassandraOptions Cassandra { get; set; } = new();

    /// <summary>As it is written in settings.</summary>
    internal string KindName => Kind.ToString().ToLowerInvariant();

    /// <summary>What the embedded store is opened with.</summary>
    internal RocksDbStoreOptions ToEmbedded(IReadOnlyList<string> autocompleteKeys) => new()
    {
        Path = Path,
        MaxQueuedSpans = MaxQueuedSpans,
        Retention = Retention,
        HoursRetention = HoursRetention,
        DaysRetention = DaysRetention,
        HotWindow = HotWindow,
        BaselineRate = BaselineRate,
        MaxBytes = MaxBytes,
        AutocompleteKeys = autocompleteKeys,
    };

    /// <summary>What is set but means nothing since the store in DuckDB is gone.</summary>
    internal static IEnumerable<string> ValidateRemoved(IConfiguration section)
    {
        foreach (var name in new[] { "SealSpans", "SealAge" })
        {
            if (section[name] is { } value)
            {
                yield return $"{name} is {value}; there is no such setting any more, as nothing is sealed: leave it " +
                    "out";
            }
        }
        if (string.Equals(section[nameof(Kind)], "duckdb", StringComparison.OrdinalIgnoreCase))
        {
            yield return $"Kind is {section[nameof(Kind)]}; there is no such store any more: use embedded and " +
                "another folder; docs/embedded.md says how to take the spans along";
        }
    }

    /// <summary>What is wrong with the values: the name and value of each bad one and what it must be.</summary>
    public IEnumerable<string> Validate()
    {
        if (string.IsNullOrWhiteSpace(Path))
            yield return $"Path is \"{Path}\"; it must name a folder";
        if (MaxQueuedSpans is < 1 or > 100_000_000)
            yield return $"MaxQueuedSpans is {MaxQueuedSpans}; it must be between 1 and 100000000";
        if (Retention <= TimeSpan.Zero)
            yield return $"Retention is {Retention}; it must be more than 0";
        if (HoursRetention <= TimeSpan.Zero)
            yield return $"HoursRetention is {HoursRetention}; it must be more than 0";
        if (DaysRetention <= TimeSpan.Zero)
            yield return $"DaysRetention is {DaysRetention}; it must be more than 0";
        if (MaxBytes < 0)
            yield return $"MaxBytes is {MaxBytes}; it must be 0 or more";
        if (MaxBytes > 0 && Kind == StorageKind.Cassandra)
            yield return $"MaxBytes is {MaxBytes}; with Kind = cassandra it must be 0, as nodes do not tell their room";
        if (HotWindow < TimeSpan.Zero)
            yield return $"HotWindow is {HotWindow}; it must be 0 or more";
        if (BaselineRate is not (>= 0 and <= 1))
            yield return FormattableString.Invariant($"BaselineRate is {BaselineRate}; it must be between 0 and 1");
#if CASSANDRA
        foreach (var problem in Cassandra.Validate())
            yield return "Cassandra:" + problem;
#else
        if (Kind == StorageKind.Cassandra)
        {
            yield return "Kind is cassandra; this build has no Cassandra store, since the package " +
                "CassandraCSharpDriver was not there. Build with -p:WithCassandra=true, or use embedded";
        }
#endif
    }
}
