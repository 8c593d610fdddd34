namespace Tracing.Storage.DuckDb;

/// <summary>
/// Which partitions are to be merged next. Those that are sealed come together until they are large, or cover an hour,
/// and are thinned out then; what comes of that is merged by eights, twice at most. So a span is written three times
/// over its life after it was sealed, and files are few: 24 a day at first, 3 a day in the end.
/// </summary>
static class MergePlan
{
    /// <summary>How often a span is written again: more makes fewer files, and more work.</summary>
    const int MaxRewrites = 3;

    /// <summary>How many merged partitions are merged again at once.</summary>
    const int FanIn = 8;

    /// <summary>So many at once, however small, as a statement names them all.</summary>
    const int MaxPartitions = 64;

    /// <summary>
    /// A merged partition that is merged again covers at most this share of the retention, and of the bytes: as it is
    /// dropped whole, so much more is kept, or dropped, than should be.
    /// </summary>
    const int ShareOfAll = 20;

    static readonly long EnoughMillis = (long)TimeSpan.FromHours(1).TotalMilliseconds;

    /// <summary>Adjacent partitions, the oldest that are due; empty when none are.</summary>
    /// <param name="partitions">In the order of their numbers.</param>
    public static IReadOnlyList<Partition> Next(
        IReadOnlyList<Partition> partitions, DuckDbStoreOptions options, long nowMillis)
    {
        var newest = nowMillis - options.HotWindow.TotalMilliseconds;
        var due = partitions.TakeWhile(partition => partition.IsSealed && partition.ClosedMillis <= newest).ToList();
        var run = Sealed(due, options);
        for (var rewrites = 1; rewrites < MaxRewrites && run.Count == 0; rewrites++)
            run = Merged(due, rewrites, options);
        return run;
    }

    static List<Partition> Sealed(List<Partition> due, DuckDbStoreOptions options)
    {
        // one alone is written again only to be thinned out
        var least = options.BaselineRate < 1 ? 1 : 2;
        var run = new List<Partition>();
        foreach (var partition in due)
        {
            if (partition.Rewrites > 0 || !HasPlaces(run, partition))
                run.Clear();
            if (partition.Rewrites > 0)
                continue;
            run.Add(partition);
            var isEnough = run.Sum(each => each.SpanCount) >= options.MergeSpans || Millis(run) >= EnoughMillis;
            if ((isEnough && run.Count >= least) || run.Count == MaxPartitions)
                return run;
        }
        return [];
    }

    static List<Partition> Merged(List<Partition> due, int rewrites, DuckDbStoreOptions options)
    {
        var run = new List<Partition>();
        foreach (var partition in due)
        {
            if (partition.Rewrites != rewrites)
            {
                run.Clear();
                continue;
            }
            if (!Fits(run, partition, options))
            {
                // no more will be had
                if (run.Count > 1)
                    return run;
                run.Clear();
            }
            run.Add(partition);
            if (run.Count == FanIn)
                return run;
        }
        return [];
    }

    static bool Fits(List<Partition> run, Partition next, DuckDbStoreOptions options)
    {
        Partition[] all = [.. run, next];
        var maxMillis = Math.Max(EnoughMillis, options.Retention.TotalMilliseconds / ShareOfAll);
        return HasPlaces(run, next) && Millis(all) <= maxMillis && (options.MaxBytes == 0 ||
            all.Sum(partition => PartitionFiles.LengthOf(partition.File)) <= options.MaxBytes / ShareOfAll);
    }

    // the order stored is a column of 32 bits
    static bool HasPlaces(List<Partition> run, Partition next) =>
        run.Append(next).Sum(partition => partition.Places) <= int.MaxValue;

    static long Millis(IReadOnlyList<Partition> run) => run[^1].ClosedMillis!.Value - run[0].CreatedMillis;
}
