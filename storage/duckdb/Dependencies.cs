using DuckDB.NET.Data;
using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Answers what Zipkin's /dependencies asks for, exactly, without reading every trace each time: remembers of each
/// partition the calls of its traces by their times, and reads the few traces that lie across an end of the window.
/// Not for several threads at once; after an exception it knows nothing.
/// </summary>
/// <remarks>
/// A trace belongs to the last partition, in the order stored, that has spans of it, with all spans up to there. When
/// more of it come, it is taken from its owner and added anew; what was taken is remembered, to be given back when the
/// younger partition goes.
/// </remarks>
sealed class Dependencies
{
    const int TracesAtOnce = 1000;

    readonly List<Owner> _owners = [];
    readonly DependencyNames _names = new();

    /// <summary>How many stored spans are not counted yet.</summary>
    public long Missing(IReadOnlyList<Partition> partitions)
    {
        DropReplaced(partitions);
        return partitions.Sum(partition => partition.SpanCount - (OwnerOf(partition)?.Spans ?? 0));
    }

    /// <summary>The partitions of which something is counted.</summary>
    public List<Partition> Counted(IReadOnlyList<Partition> partitions)
    {
        DropReplaced(partitions);
        return [.. partitions.Where(partition => OwnerOf(partition) is not null)];
    }

    /// <summary>Counts what is stored now; true when that was all, and not the most that was to be counted.</summary>
    /// <param name="maxSpans">About how many.</param>
    public bool Update(DuckDBConnection connection, IReadOnlyList<Partition> partitions,
        CancellationToken cancellation, long maxSpans = long.MaxValue)
    {
        try
        {
            DropReplaced(partitions);
            for (var i = 0; i < partitions.Count; i++)
            {
                if (maxSpans <= 0)
                    return false;
                var partition = partitions[i];
                if (OwnerOf(partition) is not { } owner)
                {
                    owner = new Owner(partition, new DependencyCounts(_names));
                    _owners.Add(owner);
                    _owners.Sort((one, other) => one.Last.CompareTo(other.Last));
                }
                // what comes while this counts is for the next time
                var spans = partition.SpanCount;
                var isCut = !partition.IsMerged && spans - owner.Spans > maxSpans;
                if (isCut)
                    spans = owner.Spans + maxSpans;
                maxSpans -= spans - owner.Spans;
                if (spans > owner.Spans)
                    new Reading(connection, [.. partitions.Take(i + 1)], owner, spans, cancellation).Count(this);
                if (isCut)
                    return false;
            }
            return true;
        }
        catch
        {
            _owners.Clear();
            throw;
        }
    }

    /// <summary>The calls of a window; of what <see cref="Update"/> has counted.</summary>
    public List<DependencyLink> Read(DuckDBConnection connection, IReadOnlyList<Partition> partitions, Window window)
    {
        // what begins before all spans, or ends after them, has no edge there
        var starts = partitions.Select(partition => partition.Starts()).Where(each => each.Min <= each.Max).ToList();
        if (starts.Count == 0)
            return [];
        var all = new Window(starts.Min(each => each.Min), starts.Max(each => each.Max));
        window = new(window.Start <= all.Start ? 0 : window.Start,
            window.End >= all.End ? ulong.MaxValue : window.End);

        var totals = new Dictionary<int, (long Calls, long Errors)>();
        var open = _owners.Where(owner => owner.Counts.AddTo(totals, window)).ToList();
        if (open.Count > 0)
        {
            foreach (var trace in ReadOpen(connection, partitions, open, window, all))
            {
                foreach (var link in trace.Links)
                {
                    var number = _names.NumberOf(link);
                    var (calls, errors) = totals.GetValueOrDefault(number);
                    totals[number] = (calls + link.CallCount, errors + link.ErrorCount);
                }
            }
        }
        return [.. totals.Where(total => total.Value.Calls > 0).OrderBy(total => total.Key).Select(total =>
            new DependencyLink(_names[total.Key].Parent, _names[total.Key].Child, total.Value.Calls,
                total.Value.Errors))];
    }

    /// <summary>The traces within the window of which their times alone do not tell that they are.</summary>
    IEnumerable<TraceDependencies> ReadOpen(DuckDBConnection connection, IReadOnlyList<Partition> partitions,
        List<Owner> open, Window window, Window all)
    {
        var ids = open.SelectMany(owner => owner.Counts.LongOf(window)).ToHashSet(SeededHash.Comparer);
        // a trace has its times in the units of its owner, but its spans may be in older partitions too
        var shifts = new Dictionary<Owner, int>();
        foreach (var owner in Enumerable.Reverse(_owners))
        {
            shifts[owner] = Math.Max(owner.Counts.Shift, shifts.GetValueOrDefault(owner));
            foreach (var older in owner.Taken.Keys)
                shifts[older] = Math.Max(shifts[owner], shifts.GetValueOrDefault(older));
        }
        foreach (var partition in partitions)
        {
            foreach (var edge in window.Edges(shifts[OwnerOf(partition)!], all))
            {
                if (partition.MayStartWithin(edge.Start, edge.End))
                    ids.UnionWith(ReadIds(connection, $"SELECT DISTINCT trace_low FROM {partition.Spans} " +
                        "WHERE start_ns > 0 AND start_ns >= $1 AND start_ns <= $2", edge.Start, edge.End));
            }
        }
        ids.ExceptWith(TraceReader.GoneFrom(partitions));
        var counted = _owners[^1].LastSeq;
        foreach (var chunk in ids.Order().Chunk(TracesAtOnce))
        {
            var traces = TraceReader.ReadTraces(
                connection, partitions, [.. chunk.Select(low => new TraceId(0, low))], strict: false, counted);
            foreach (var trace in traces)
            {
                var number = (int)(trace.Rows[^1].Seq >> 32);
                var calls = TraceDependencies.Of(trace.Spans);
                if (window.Has(trace.Spans) &&
                    !_owners.Find(each => each.Last >= number)!.Counts.IsTold(calls.First, calls.Last, window))
                    yield return calls;
            }
        }
    }

    static List<ulong> ReadIds(DuckDBConnection connection, string sql, params IReadOnlyList<object> parameters)
    {
        using var command = connection.Command(sql, parameters);
        using var reader = command.ExecuteReader();
        var ids = new List<ulong>();
        while (reader.Read())
            ids.Add(reader.GetFieldValue<ulong>(0));
        return ids;
    }

    Owner? OwnerOf(Partition partition) => _owners.Find(owner => owner.Is(partition));

    void DropReplaced(IReadOnlyList<Partition> partitions)
    {
        while (_owners.Find(owner => !partitions.Any(owner.Is)) is { } lost)
            Drop(lost);
    }

    void Drop(Owner owner)
    {
        while (_owners.Find(other => other.Taken.ContainsKey(owner)) is { } younger)
            Drop(younger);
        foreach (var (older, taken) in owner.Taken)
            older.Counts.Add(taken);
        _owners.Remove(owner);
    }

    /// <summary>What is counted of a partition.</summary>
    sealed class Owner(Partition partition, DependencyCounts counts)
    {
        readonly int _first = partition.FirstNumber;
        readonly bool _isMerged = partition.IsMerged;
        readonly long _firstSeq = partition.FirstSeq;

        /// <summary>The partition's number.</summary>
        public int Last { get; } = partition.Number;

        /// <summary>How many of its spans are counted: all, or those first stored.</summary>
        public long Spans { get; set; }

        /// <summary>Of the last span that is counted; rows of one that was merged have gaps.</summary>
        public long LastSeq => _isMerged ? ((long)Last << 32) + uint.MaxValue : _firstSeq + Spans - 1;

        public DependencyCounts Counts { get; } = counts;

        /// <summary>What older partitions had of traces that came to be this one's.</summary>
        public Dictionary<Owner, DependencyCounts> Taken { get; } = [];

        /// <summary>Sealing changes nothing; merging may thin out.</summary>
        public bool Is(Partition partition) =>
            partition.Number == Last && partition.FirstNumber == _first && partition.IsMerged == _isMerged;
    }

    /// <summary>Counts spans of a partition that were not counted before.</summary>
    /// <param name="partitions">It and all that are older, in their order.</param>
    /// <param name="spans">How many it has now.</param>
    sealed class Reading(DuckDBConnection connection, List<Partition> partitions, Owner owner, long spans,
        CancellationToken cancellation)
    {
        readonly Partition _partition = partitions[^1];

        public void Count(Dependencies all)
        {
            var row = _partition.IsSealed ? "seq" : "rowid";
            var isNew = _partition.IsMerged ? "true" : $"{row} >= {owner.Spans} AND {row} < {spans}";
            var ids = ReadIds(connection,
                $"SELECT DISTINCT trace_low FROM {_partition.Spans} WHERE {isNew} ORDER BY trace_low");
            var gone = TraceReader.GoneFrom(partitions);
            ids.RemoveAll(gone.Contains);

            // the youngest first, itself with what it had before
            var before = new List<(Owner Owner, Partition Partition, HashSet<ulong> Traces)>();
            foreach (var partition in Enumerable.Reverse(partitions))
            {
                if (partition == _partition && owner.Spans == 0)
                    continue;
                var here = FindKnown(partition, ids, partition == _partition ? $"{row} < {owner.Spans}" : "true");
                if (here.Count > 0)
                    before.Add((all.OwnerOf(partition)!, partition, here));
            }
            foreach (var chunk in ids.Chunk(TracesAtOnce))
            {
                cancellation.ThrowIfCancellationRequested();
                var known = chunk.Where(id => before.Any(each => each.Traces.Contains(id))).ToList();
                var older = partitions.FindAll(partition => before.Any(each => each.Partition == partition));
                foreach (var trace in Read(older, known, _partition.FirstSeq + owner.Spans - 1))
                    Take(trace, before.First(each => each.Traces.Contains(trace.Low)).Owner);
                var last = _partition.IsMerged ? long.MaxValue : _partition.FirstSeq + spans - 1;
                foreach (var trace in Read([.. older.Where(each => each != _partition), _partition], known, last))
                    owner.Counts.Add(trace);
                foreach (var trace in Read([_partition], chunk.Except(known, SeededHash.Comparer), last))
                    owner.Counts.Add(trace);
            }
            owner.Spans = spans;
        }

        /// <summary>Which of the traces a partition has.</summary>
        /// <param name="condition">On its spans.</param>
        HashSet<ulong> FindKnown(Partition partition, List<ulong> ids, string condition)
        {
            var here = ids.FindAll(partition.Filter.MayHave);
            return here.Count == 0 ? [] : ReadIds(connection,
                $"SELECT DISTINCT trace_low FROM {partition.Spans} " +
                $"WHERE {condition} AND trace_low IN (SELECT unnest($1::UBIGINT[]))", here)
                .ToHashSet(SeededHash.Comparer);
        }

        IEnumerable<TraceDependencies> Read(List<Partition> from, IEnumerable<ulong> ids, long lastSeq) =>
            TraceReader.Read(connection, from, [.. ids.Select(low => new TraceId(0, low))], strict: false, lastSeq)
                .Select(TraceDependencies.Of);

        /// <summary>Takes a trace, as it was, from its owner.</summary>
        void Take(TraceDependencies trace, Owner from)
        {
            from.Counts.Add(trace, isTaken: true);
            if (from == owner)
                return;
            // also when it has no calls: its owner must know who depends on it
            if (!owner.Taken.TryGetValue(from, out var taken))
                owner.Taken.Add(from, taken = from.Counts.NewOfSameUnit());
            taken.Add(trace);
        }
    }
}
