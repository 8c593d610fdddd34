using System.Runtime.InteropServices;
using Tracing.Model;

namespace Tracing.Storage.Blocks;

/// <summary>Spans that were put together as a block.</summary>
/// <param name="Hour">Since 1970, in which all its spans start.</param>
/// <param name="MinStart">The earliest start, in nanoseconds since 1970; 0 where a span has none.</param>
/// <param name="Lows">The low halves of the ids of its traces, each once.</param>
sealed record BuiltBlock(long Hour, ulong MinStart, ulong MaxStart, int Spans, byte[] Bytes, ulong[] Lows);

/// <summary>
/// Sorts spans, or the spans of many blocks, and cuts them into blocks, those of a trace beside each other. Not
/// thread-safe.
/// </summary>
/// <param name="level">Of zstd.</param>
/// <param name="blockSpans">Spans of a block; a trace is cut at twice as many.</param>
/// <param name="minCompressed">Bytes from which on a part of a block is compressed.</param>
sealed class BlockBuilder(int level, int blockSpans, int minCompressed = 48) : IDisposable
{
    /// <summary>Spans that should be put together at once: they take some 60 MiB.</summary>
    public const int MaxSpans = 200_000;

    /// <summary>The same for bytes of blocks when they are decoded, since spans may have long values.</summary>
    public const long MaxBytes = 128 << 20;

    /// <summary>Bytes of values of a block; it has some more where its last span does.</summary>
    const long MaxBlockBytes = 4 << 20;

    const ulong NanosPerHour = 3_600_000_000_000;

    readonly BlockWriter _writer = new(level, minCompressed);
    readonly SpanColumns _spans = new();
    int[] _rows = [];
    Key[] _keys = [];

    public int Count => _spans.Count;

    public static long HourOf(ulong start) => (long)(start / NanosPerHour);

    public void Dispose() => _writer.Dispose();

    /// <summary>Forgets what was added.</summary>
    public void Clear() => _spans.Clear();

    public void Add(Span span, ReadOnlySpan<byte> commit, SpanFlags marks = SpanFlags.None) =>
        _spans.Add(span, commit, marks);

    /// <param name="isKept">By the low half of its id, whether a trace is wanted; null for all.</param>
    public void Add(SpanBlock block, Predicate<ulong>? isKept = null)
    {
        var wanted = new bool[block.Count];
        var traces = block.Traces;
        for (var trace = 0; trace < block.TraceCount; trace++)
        {
            if (isKept is null || isKept(traces.Ids[trace].Low))
                wanted.AsSpan(traces.From[trace]..traces.From[trace + 1]).Fill(true);
        }
        new ColumnMapping(block, _spans).Add(wanted);
    }

    /// <summary>The blocks of what was added since the last time.</summary>
    /// <param name="byStart">
    /// Whether traces come in the order of their first starts, so that what started of late is in one block, and what
    /// has a part of the time in few; else as they were added.
    /// </param>
    /// <param name="kept">By the low half of its id, why a trace is kept; null where nothing was decided.</param>
    public List<BuiltBlock> Build(bool byStart, IReadOnlyDictionary<ulong, TraceKept>? kept = null)
    {
        Sort(byStart);
        var blocks = new List<BuiltBlock>();
        for (var from = 0; from < _spans.Count;)
        {
            var to = EndOf(from);
            blocks.Add(Build(_rows.AsSpan(from, to - from), _keys[from].Hour, kept));
            from = to;
        }
        _spans.Clear();
        return blocks;
    }

    BuiltBlock Build(ReadOnlySpan<int> rows, long hour, IReadOnlyDictionary<ulong, TraceKept>? kept)
    {
        var (min, max) = (ulong.MaxValue, 0UL);
        var lows = new List<ulong>();
        foreach (var row in rows)
        {
            var (start, low) = (_spans.Starts[row], _spans.TraceIds[row].Low);
            (min, max) = (Math.Min(min, start), Math.Max(max, start));
            // those of a trace follow each other
            if (lows.Count == 0 || lows[^1] != low)
                lows.Add(low);
        }
        return new BuiltBlock(hour, min, max, rows.Length, _writer.Write(_spans, rows, kept), [.. lows]);
    }

    /// <summary>
    /// By hour, first start of the trace within it, what was added first of the trace, commit, and then as it was
    /// added. Of traces that start at once the one stored first comes first.
    /// </summary>
    void Sort(bool byStart)
    {
        var count = _spans.Count;
        if (_rows.Length < count)
            (_rows, _keys) = (new int[count], new Key[count]);
        var traces = new Dictionary<(long Hour, ulong Low), (ulong Start, int Row)>(count / 4);
        var commits = RankCommits();
        for (var row = 0; row < count; row++)
        {
            var start = _spans.Starts[row];
            ref var known = ref CollectionsMarshal.GetValueRefOrAddDefault(
                traces, (HourOf(start), _spans.TraceIds[row].Low), out var isKnown);
            known = isKnown ? (Math.Min(known.Start, start), known.Row) : (start, row);
        }
        for (var row = 0; row < count; row++)
        {
            var hour = HourOf(_spans.Starts[row]);
            var (start, first) = traces[(hour, _spans.TraceIds[row].Low)];
            _rows[row] = row;
            _keys[row] = new Key(hour, byStart ? start : 0, first, commits[_spans.Commits[row]], row);
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
            bytes < MaxBlockBytes && (to - from < blockSpans || _keys[to].Trace == _keys[to - 1].Trace))
            bytes += _spans.ValueBytesOf(_rows[to++]);
        return to;
    }

    /// <param name="Start">The first start of the trace.</param>
    /// <param name="Trace">The first row of the trace.</param>
    readonly record struct Key(long Hour, ulong Start, int Trace, int Commit, int Row) : IComparable<Key>
    {
        public int CompareTo(Key other) => Hour != other.Hour ? Hour.CompareTo(other.Hour)
            : Start != other.Start ? Start.CompareTo(other.Start)
            : Trace != other.Trace ? Trace.CompareTo(other.Trace)
            : Commit != other.Commit ? Commit.CompareTo(other.Commit)
            : Row.CompareTo(other.Row);
    }
}
