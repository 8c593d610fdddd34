using System.Runtime.InteropServices;
using Tracing.Model;
using Tracing.Storage.Blocks;

namespace Tracing.Storage.Engine;

/// <summary>
/// What blocks say of the traces of a slice: what decides on whether each is kept, some 64 bytes for each.
/// </summary>
sealed class SliceTraces
{
    readonly Dictionary<ulong, Traits> _traces = new(SeededHash.Comparer);
    readonly Dictionary<(string Service, string Name), int> _steps = [];
    readonly Dictionary<(int Step, SpanKind Kind), int> _operations = [];
    readonly CallPaths _paths = new();

    /// <summary>The low halves of their ids.</summary>
    public IReadOnlyCollection<ulong> Lows => _traces.Keys;

    public bool Contains(ulong low) => _traces.ContainsKey(low);

    /// <summary>Those that have spans in the next slice too.</summary>
    public IEnumerable<ulong> GoingOn => _traces.Where(trace => trace.Value.GoesOn).Select(trace => trace.Key);

    /// <summary>
    /// Takes in the spans of a block of the slice; of one of the next slice those of traces of this one.
    /// </summary>
    public void Add(SpanBlock block, bool isOfNext)
    {
        for (var trace = 0; trace < block.TraceCount; trace++)
        {
            var low = block.Traces.Ids[trace].Low;
            if (isOfNext && !_traces.ContainsKey(low))
                continue;
            ref var traits = ref CollectionsMarshal.GetValueRefOrAddDefault(_traces, low, out var isKnown);
            for (var i = block.Traces.From[trace]; i < block.Traces.From[trace + 1]; i++, isKnown = true)
                Add(ref traits, block, i, isKnown);
            traits.GoesOn |= isOfNext;
        }
    }

    void Add(ref Traits trace, SpanBlock block, int i, bool isKnown)
    {
        var template = block.TemplateOf(i);
        var step = IdOf(_steps, (block.ServiceOf(block.SourceCodes[i]), block.NameOf(template.Name)));
        // the root: of the spans without a parent the first to start, or of all if each has one
        var start = block.Starts[i] == 0 ? ulong.MaxValue : block.Starts[i];
        var rank = (block.HasParent(i), start);
        if (!isKnown || rank.CompareTo(trace.RootRank) < 0)
        {
            trace.RootRank = rank;
            trace.Operation = IdOf(_operations, (step, template.Kind));
            trace.Duration = (long?)block.KnownDurationOf(i);
        }
        trace.HasError |= template.Status == StatusCode.Error;
        trace.IsDebug |= (template.Flags & SpanFlags.Debug) != 0;
        trace.Path = _paths.Add(trace.Path, step);
    }

    /// <summary>Those for which it is open whether they are kept.</summary>
    public List<TraceTraits> Of(Predicate<ulong> isOpen) => [.. _traces.Where(trace => isOpen(trace.Key))
        .Select(trace => new TraceTraits(trace.Key, trace.Value.HasError, trace.Value.IsDebug,
            (ulong)trace.Value.Operation, trace.Value.Duration, (ulong)trace.Value.Path))];

    static int IdOf<T>(Dictionary<T, int> ids, T item) where T : notnull
    {
        ref var id = ref CollectionsMarshal.GetValueRefOrAddDefault(ids, item, out var isKnown);
        return isKnown ? id : id = ids.Count;
    }

    struct Traits
    {
        public (bool HasParent, ulong Start) RootRank;
        public bool HasError;
        public bool IsDebug;
        public bool GoesOn;
        public int Operation;
        public int Path;
        public long? Duration;
    }

    /// <summary>Numbers for sets of steps, which grow by a step at a time; 0 is the empty one.</summary>
    sealed class CallPaths
    {
        readonly List<int[]> _sets = [[]];
        readonly Dictionary<(int Path, int Step), int> _next = [];
        readonly Dictionary<string, int> _bySteps = [];

        public int Add(int path, int step)
        {
            ref var next = ref CollectionsMarshal.GetValueRefOrAddDefault(_next, (path, step), out var isKnown);
            return isKnown ? next : next = Find(_sets[path], path, step);
        }

        int Find(int[] steps, int path, int step)
        {
            var at = Array.BinarySearch(steps, step);
            if (at >= 0)
                return path;
            int[] longer = [.. steps[..~at], step, .. steps[~at..]];
            // as text, since it is compared by what it holds
            ref var id = ref CollectionsMarshal.GetValueRefOrAddDefault(
                _bySteps, string.Join(' ', longer), out var isKnown);
            if (!isKnown)
            {
                id = _sets.Count;
                _sets.Add(longer);
            }
            return id;
        }
    }
}
