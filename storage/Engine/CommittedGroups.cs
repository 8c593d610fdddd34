using Tracing.Model;
using Tracing.Storage.Blocks;

namespace Tracing.Storage.Engine;

/// <summary>A group that is stored and is to be counted.</summary>
/// <param name="Spans">In the order stored.</param>
/// <param name="Flags">Of each span, what marks it as a repeat; null where none is one.</param>
/// <param name="Counts">What the group counts.</param>
/// <param name="Corrections">
/// What of that is wrong beside the groups that its writer committed before; null where it is not known.
/// </param>
/// <param name="Bytes">What the spans take, roughly.</param>
sealed record CommittedGroup(long Writer, long Stored, IReadOnlyList<Span> Spans, IReadOnlyList<SpanFlags>? Flags,
    SpanStatistics Counts, GroupCorrections? Corrections, long Bytes);

/// <summary>
/// The groups that this process has committed and not counted yet, so that they need not be read again: as many as
/// there is room for. For any thread.
/// </summary>
sealed class CommittedGroups
{
    const long MaxBytes = 64 << 20;
    const int MaxSpans = 100_000;

    /// <summary>When so many spans wait they are counted, rather than at the next time that all is.</summary>
    const int DueSpans = 5_000;

    /// <summary>Groups left out of which it is known what is to be corrected: seldom more than none.</summary>
    const int MaxCorrections = 1000;

    readonly Queue<CommittedGroup> _groups = [];
    readonly Dictionary<long, GroupCorrections> _corrections = [];
    readonly Lock _lock = new();
    bool _isComplete;
    long _bytes;
    int _spans;

    /// <summary>Called when enough wait.</summary>
    public Action Due { get; set; } = () => { };

    /// <summary>Whether there is every group that was committed and is not counted.</summary>
    public bool IsComplete
    {
        get
        {
            lock (_lock)
                return _isComplete;
        }
    }

    /// <summary>Takes a group, in the order of commits.</summary>
    public void Add(CommittedGroup group)
    {
        bool isDue;
        lock (_lock)
        {
            // what would come after one that is left out is left out too
            if (!_isComplete)
            {
                Forget(group);
                return;
            }
            _spans += group.Spans.Count;
            _bytes += group.Bytes;
            _groups.Enqueue(group);
            if (_spans > MaxSpans || _bytes > MaxBytes)
                ForgetAll();
            isDue = !_isComplete || _spans >= DueSpans;
        }
        if (isDue)
            Due();
    }

    /// <summary>A group may be committed that does not come.</summary>
    public void Miss()
    {
        lock (_lock)
            ForgetAll();
    }

    /// <summary>From now on all groups are kept; who calls then looks which are committed.</summary>
    public void Begin()
    {
        lock (_lock)
            _isComplete = true;
    }

    /// <summary>The oldest, if all are there and it comes after a group; those up to that are forgotten.</summary>
    public CommittedGroup? Take(long after)
    {
        lock (_lock)
        {
            while (_groups.TryPeek(out var group) && group.Stored <= after)
                Dequeue();
            return _groups.Count > 0 ? Dequeue() : null;
        }
    }

    /// <summary>A group, if it is there; those before it are forgotten.</summary>
    public CommittedGroup? TakeIf(long stored)
    {
        lock (_lock)
        {
            while (_groups.TryPeek(out var group) && group.Stored < stored)
                Dequeue();
            return _groups.TryPeek(out var next) && next.Stored == stored ? Dequeue() : null;
        }
    }

    /// <summary>What is to be corrected of a group that is left out; null for nothing.</summary>
    public GroupCorrections? TakeCorrections(long stored)
    {
        lock (_lock)
            return _corrections.Remove(stored, out var corrections) ? corrections : null;
    }

    CommittedGroup Dequeue()
    {
        var group = _groups.Dequeue();
        _spans -= group.Spans.Count;
        _bytes -= group.Bytes;
        return group;
    }

    void ForgetAll()
    {
        foreach (var group in _groups)
            Forget(group);
        _groups.Clear();
        (_isComplete, _bytes, _spans) = (false, 0, 0);
    }

    void Forget(CommittedGroup group)
    {
        if (group.Corrections is { IsAny: true } corrections && _corrections.Count < MaxCorrections)
            _corrections[group.Stored] = corrections;
    }
}
