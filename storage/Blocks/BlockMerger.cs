using System.Runtime.InteropServices;
using Tracing.Model;

namespace Tracing.Storage.Blocks;

/// <summary>A block that takes the place of others.</summary>
/// <param name="Hour">Since 1970, in which all its spans start.</param>
/// <param name="Lows">The low halves of the ids of its traces, each once.</param>
sealed record MergedBlock(long Hour, byte[] Bytes, BlockSummary Summary, ulong[] Lows);

/// <summary>
/// Rewrites the spans of many blocks as few that are larger. Traces come in the order of their first starts, so that
/// what started of late is in one block, and what has a part of the time in few. Not thread-safe.
/// </summary>
/// <param name="blockSpans">Spans of a block; a trace is cut at twice as many.</param>
sealed class BlockMerger(int level, int blockSpans) : IDisposable
{
    /// <summary>Spans that are merged at once: they take some 60 MiB.</summary>
    public const int MaxSpans = 200_000;

    /// <summary>Bytes of blocks that are merged at once, for spans that have long values.</summary>
    public const long MaxBytes = 64 << 20;

    /// <summary>Bytes of values of a block; it has some more where its last span does.</summary>
    const long MaxBlockBytes = 4 << 20;

    const ulong NanosPerHour = 3_600_000_000_000;

    readonly BlockWriter _writer = new(level);
    readonly SpanColumns _spans = new();
    int[] _rows = [];
    Key[] _keys = [];

    public void Dispose() => _writer.Dispose();

    /// <param name="blocks">Up to <see cref="MaxSpans"/> and <see cref="MaxBytes"/> together.</param>
    /// <param name="isKept">By the low half of its id, whether a trace is kept; null for all.</param>
    /// <param name="kept">Why those are kept that are; null where nothing was decided.</param>
    public List<MergedBlock> Merge(IEnumerable<SpanBlock> blocks, Predicate<ulong>? isKept = null,
        IReadOnlyDictionary<ulong, TraceKept>? kept = null)
    {
        _spans.Clear();
        foreach (var block in blocks)
            new ColumnMapping(block, _spans).Add(Wanted(block, isKept));
        Sort();
        var merged = new List<MergedBlock>();
        for (var from = 0; from < _spans.Count;)
        {
            var to = EndOf(from);
            var bytes = _writer.Write(_spans, _rows.AsSpan(from, to - from), kept);
            var block = new SpanBlock(bytes);
            merged.Add(new MergedBlock(_keys[from].Hour, bytes, BlockSummary.Of(block),
                [.. block.Traces.Ids.Select(id => id.Low).Distinct(SeededHash.Comparer)]));
            from = to;
        }
        _spans.Clear();
        return merged;
    }

    static bool[] Wanted(SpanBlock block, Predicate<ulong>? isKept)
    {
        var wanted = new bool[block.Count];
        var traces = block.Traces;
        for (var trace = 0; trace < block.TraceCount; trace++)
        {
            if (isKept is null || isKept(traces.Ids[trace].Low))
                wanted.AsSpan(traces.From[trace]..traces.From[trace + 1]).Fill(true);
        }
        return wanted;
    }

    /// <summary>By hour, first start of the trace within it, trace, commit, and then as the blocks had them.</summary>
    void Sort()
    {
        var count = _spans.Count;
        if (_rows.Length < count)
            (_rows, _keys) = (new int[count], new Key[count]);
        var first = new Dictionary<(long Hour, ulong Low), ulong>();
        var commits = RankCommits();
        for (var row = 0; row < count; row++)
        {
            var start = _spans.Starts[row];
            var key = ((long)(start / NanosPerHour), _spans.TraceIds[row].Low);
            ref var known = ref CollectionsMarshal.GetValueRefOrAddDefault(first, key, out var isKnown);
            known = isKnown ? Math.Min(known, start) : start;
        }
        for (var row = 0; row < count; row++)
        {
            var (hour, low) = ((long)(_spans.Starts[row] / NanosPerHour), _spans.TraceIds[row].Low);
            _rows[row] = row;
            _keys[row] = new Key(hour, first[(hour, low)], low, commits[_spans.Commits[row]], row);
        }
        Array.Sort(_keys, _rows, 0, count);
    }

    int[] RankCommits()
    {
        var names = _spans.CommitNames;
        int[] order = [.. Enumerable.Range(0, names.Count)];
        Array.Sort(order, (one, other) => names[one].SequenceCompareTo(names[other]));
        var ranks = new int[order.Length];
        for (var i = 0; i < order.Length; i++)
            ranks[order[i]] = i;
        return ranks;
    }

    int EndOf(int from)
    {
        var to = from + 1;
        var bytes = _spans.ValueBytesOf(_rows[from]);
        while (to < _spans.Count && _keys[to].Hour == _keys[from].Hour && to - from < 2 * blockSpans &&
            bytes < MaxBlockBytes && (to - from < blockSpans || _keys[to].Low == _keys[to - 1].Low))
            bytes += _spans.ValueBytesOf(_rows[to++]);
        return to;
    }

    readonly record struct Key(long Hour, ulong First, ulong Low, int Commit, int Row) : IComparable<Key>
    {
        public int CompareTo(Key other) => Hour != other.Hour ? Hour.CompareTo(other.Hour)
            : First != other.First ? First.CompareTo(other.First)
            : Low != other.Low ? Low.CompareTo(other.Low)
            : Commit != other.Commit ? Commit.CompareTo(other.Commit)
            : Row.CompareTo(other.Row);
    }
}
