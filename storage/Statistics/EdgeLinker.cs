using Tracing.Model;

namespace Tracing.Storage;

/// <summary>
/// Counts the calls between services and operations, from spans that come in different requests and in any order: each
/// pair of caller and callee once, when the later one comes. A caller whose callee does not come is counted to the peer
/// that it names when it has waited long enough (<see cref="Settle"/>); if a later span shows that a call was another
/// one, it is withdrawn (<see cref="Withdrawals"/>) and counted anew. So what is counted in the end depends only on the
/// order of the spans. Not thread-safe.
/// <para>
/// Remembers the spans of three partitions in some 85 bytes each, so 80 MB for three of 300,000 spans; up to twice that
/// after growing. Names and peers have bounds of their own.
/// </para>
/// </summary>
/// <param name="names">Bounds the names. It must have those of before a restart when spans are replayed.</param>
/// <param name="maxSpans">Spans, and links, to remember of a partition; those beyond are not linked.</param>
public sealed partial class EdgeLinker(SeriesNames names, int maxSpans = 600_000)
{
    readonly EdgeTable _table = new(maxSpans);
    readonly EdgeNames _names = new(names);
    EdgePeers _peers = new();

    // what is before has waited long enough, and what is before the mark will have at the next time
    int _settled;
    int _mark;

    // of the call at hand
    SpanStatistics? _statistics;
    readonly Lock _noGate = new();

    /// <summary>Whether there is a span that has not waited long enough.</summary>
    public bool HasUnsettled => _settled < _table.Count;

    /// <summary>Counts the calls that these spans complete.</summary>
    /// <param name="spans">In the order stored.</param>
    /// <param name="statistics">Where to count; null: only remember the spans, which have been counted before.</param>
    public void Add(IReadOnlyList<Span> spans, SpanStatistics? statistics)
    {
        lock (statistics?.Gate ?? _noGate)
        {
            _statistics = statistics;
            for (var i = 0; i < spans.Count; i++)
            {
                try
                {
                    Add(spans[i]);
                }
                catch (Exception exception)
                {
                    // it is stored: whatever it is, the others count
                    statistics?.Uncounted.Reject(spans[i], exception);
                }
            }
        }
    }

    /// <summary>
    /// Spans that were there the last time have waited long enough: callers whose callee did not show up are counted to
    /// the peer they name. To be called every few seconds.
    /// </summary>
    public void Settle(SpanStatistics? statistics)
    {
        lock (statistics?.Gate ?? _noGate)
        {
            _statistics = statistics;
            SettleUntil(_mark);
        }
        _mark = _table.Count;
    }

    /// <summary>
    /// The same of all spans: what is counted by then is kept, and a replay does not know for how long they had waited.
    /// Those whose callee comes later are withdrawn.
    /// </summary>
    public void SettleAll(SpanStatistics statistics)
    {
        lock (statistics.Gate)
        {
            _statistics = statistics;
            SettleUntil(_table.Count);
        }
        _mark = _table.Count;
    }

    /// <summary>
    /// A partition begins: the spans of three partitions back are forgotten. None of the one that has ended waits any
    /// longer, so that a replay, which does not know when they came, counts the same.
    /// </summary>
    /// <param name="ended">Where to count; null: they have been counted before.</param>
    public void MoveOn(SpanStatistics? ended)
    {
        lock (ended?.Gate ?? _noGate)
        {
            _statistics = ended;
            SettleUntil(_table.Count);
        }
        _table.MoveOn();
        _settled = _mark = _table.Count;
        KeepMessages();
        KeepPeers();
    }

    void SettleUntil(int end)
    {
        var begin = _settled;
        _settled = Math.Max(begin, end);
        for (var i = begin; i < end; i++)
        {
            if (!_table[i].Is(EdgeFlags.Decided))
                Decide(i);
        }
        for (var i = begin; i < end; i++)
            ReviewPeer(i);
    }

    void Add(Span span)
    {
        var halves = _table.Find(span.TraceId.Low, span.SpanId.Value);
        var isServerHalf = span.Kind == SpanKind.Server || span.Shared;
        // what is stored twice is not counted twice
        if ((isServerHalf ? halves.Server : halves.Other) != EdgeTable.None || _table.IsFull)
            return;
        var position = _table.Add(ToEdgeSpan(span, isServerHalf));
        if (span.Kind is SpanKind.Client or SpanKind.Producer)
            SetPeer(span, ref _table[position]);
        if (!isServerHalf && halves.Server != EdgeTable.None && !_table[halves.Server].Is(EdgeFlags.Decided))
            Decide(halves.Server);
        DecideChildren(position);
        _ = Decide(position);
        ReviewPeer(position);
        if (span.Kind == SpanKind.Consumer)
            AddLinks(span, position);
    }

    EdgeSpan ToEdgeSpan(Span span, bool isServerHalf)
    {
        var flags = (EdgeFlags)(span.Kind is >= 0 and <= SpanKind.Consumer ? span.Kind : SpanKind.Unspecified);
        if (span.Status == StatusCode.Error)
            flags |= EdgeFlags.Error;
        if (span.Origin == SpanOrigin.Zipkin)
            flags |= EdgeFlags.Zipkin;
        if (span.Shared)
            flags |= EdgeFlags.Shared;
        if (isServerHalf)
            flags |= EdgeFlags.ServerHalf;
        var weight = 1u;
        if (span.TraceState.Length > 0)
        {
            weight = (uint)SpanStatistics.WeightOf(span);
            flags |= SpanStatistics.IsEstimated(span) ? EdgeFlags.Estimated : 0;
        }
        return new EdgeSpan
        {
            Trace = span.TraceId.Low,
            TraceHigh = span.TraceId.High,
            Id = span.SpanId.Value,
            Parent = span.ParentSpanId == span.SpanId ? 0 : span.ParentSpanId.Value,
            Nanos = (long?)span.KnownDuration ?? -1,
            Label = _names.LabelOf(span.ServiceName, span.Name),
            Second = SpanStatistics.SecondOf(span),
            Weight = weight,
            Flags = flags,
        };
    }

    void SetPeer(Span span, ref EdgeSpan caller)
    {
        var peer = Peer.Of(span);
        caller.Peer = _peers.NumberOf(peer);
        if (peer.IsDatabase)
            caller.Flags |= EdgeFlags.Database;
    }

    /// <summary>Decides those that a new span is the caller of, each at most once for each half of an id.</summary>
    void DecideChildren(int position)
    {
        var (trace, id) = (_table[position].Trace, _table[position].Id);
        for (var next = _table.FirstChild(trace, id); next != 0; next = _table[next - 1].NextChild)
        {
            ref var child = ref _table[next - 1];
            if (child.Parent == id && child.Trace == trace && !child.Is(EdgeFlags.Decided))
                _ = Decide(next - 1);
        }
    }

    /// <summary>Counts the call of a callee if it is one.</summary>
    /// <returns>False if a caller, or a nearer one, may still come.</returns>
    bool Decide(int position)
    {
        ref var child = ref _table[position];
        if (child.Is(EdgeFlags.ServerHalf) && _table.Find(child.Trace, child.Id).Other is >= 0 and var client &&
            (child.Is(EdgeFlags.Shared) || _table[client].Kind == SpanKind.Client))
        {
            Count(client, position);
            child.Flags |= EdgeFlags.Decided;
            return true;
        }
        if (child.Parent == 0)
            return false;
        var (other, server) = _table.Find(child.Trace, child.Parent);
        if (other == EdgeTable.None && server == EdgeTable.None)
            return false;
        var isBoth = other != EdgeTable.None && server != EdgeTable.None;
        // what a client does while it calls is not the server's
        var isOther = server == EdgeTable.None || child.Is(EdgeFlags.Link) || (isBoth &&
            AreOfTwoServices(ref child, ref _table[server]) && !AreOfTwoServices(ref child, ref _table[other]));
        if (isOther && other == EdgeTable.None)
            return false;
        var caller = isOther ? other : server;
        ref var parent = ref _table[caller];
        if (IsCall(ref parent, ref child))
        {
            LeaveLayers(position);
            var isSure = !MayHaveNearerCaller(ref parent, isBoth, ref child);
            if (isSure || position < _settled)
                Count(caller, position);
            if (!isSure)
                return false;
        }
        else
        {
            Withdraw(position);
            // a nearer half may still come
            if (JoinLayers(caller, position))
                return false;
            LeaveLayers(position);
        }
        child.Flags |= EdgeFlags.Decided;
        return true;
    }

    bool AreOfTwoServices(ref EdgeSpan one, ref EdgeSpan other) => _names.AreOfTwoServices(one.Label, other.Label);

    bool IsCall(ref EdgeSpan parent, ref EdgeSpan child)
    {
        if (child.Is(EdgeFlags.Link))
            return parent.Kind == SpanKind.Producer;
        // a consumer's span in another one of its service is what it does with messages that this one received
        return child.Kind == SpanKind.Server ||
            (child.Kind == SpanKind.Consumer && parent.Kind == SpanKind.Producer) ||
            AreOfTwoServices(ref parent, ref child);
    }

    /// <summary>Whether the other half of a shared id would be the caller, if it came.</summary>
    static bool MayHaveNearerCaller(ref EdgeSpan parent, bool isBoth, ref EdgeSpan child)
    {
        // elsewhere ids are not shared
        if (!child.Is(EdgeFlags.Zipkin) || !parent.Is(EdgeFlags.Zipkin))
            return false;
        if (child.Is(EdgeFlags.ServerHalf))
            return child.Is(EdgeFlags.Shared) || parent.Kind != SpanKind.Client;
        return !isBoth &&
            (parent.Is(EdgeFlags.ServerHalf) ? parent.Is(EdgeFlags.Shared) : parent.Kind == SpanKind.Client);
    }

    void Count(int caller, int position)
    {
        ref var callee = ref _table[position];
        if (callee.Caller == caller + 1)
            return;
        Withdraw(position);
        if (callee.Kind == SpanKind.Consumer && !TakeMessage(caller, position))
            return;
        callee.Caller = caller + 1;
        CountPair(ref _table[caller], ref callee, isWithdrawn: false);
        if (_table[caller].Callees++ == 0 || _table[caller].Is(EdgeFlags.Layer | EdgeFlags.HasLayers))
            ReviewLayers(caller);
    }

    /// <summary>Takes back what was counted with a caller that was not the nearest.</summary>
    void Withdraw(int position)
    {
        ref var callee = ref _table[position];
        if (callee.Caller == 0)
            return;
        var caller = callee.Caller - 1;
        CountPair(ref _table[caller], ref callee, isWithdrawn: true);
        callee.Caller = 0;
        if (callee.Kind == SpanKind.Consumer)
            _ = _messages.Remove(MessageOf(caller, position));
        if (--_table[caller].Callees == 0 || _table[caller].Is(EdgeFlags.Layer | EdgeFlags.HasLayers))
            ReviewLayers(caller);
    }

    void CountPair(ref EdgeSpan caller, ref EdgeSpan callee, bool isWithdrawn)
    {
        if (_statistics is null)
            return;
        var isMessage = caller.Kind == SpanKind.Producer || callee.Kind == SpanKind.Consumer;
        var edge = _names.EdgeOf(caller.Label, callee.Label, isMessage);
        var weight = Math.Max(caller.Weight, callee.Weight);
        var isEstimated = caller.Is(EdgeFlags.Estimated) || callee.Is(EdgeFlags.Estimated);
        // one whose start is not known counts when the other has started
        var (callerMinute, calleeMinute) = (_statistics.MinuteOf(caller.Second), _statistics.MinuteOf(callee.Second));
        CountSide(edge, EdgeSide.Caller, isWithdrawn, ref caller, callerMinute ?? calleeMinute, weight, isEstimated);
        CountSide(edge, EdgeSide.Callee, isWithdrawn, ref callee, calleeMinute ?? callerMinute, weight, isEstimated);
    }

    void CountSide(EdgeNames.Edge edge, EdgeSide side, bool isWithdrawn, ref EdgeSpan span, long? minute, ulong weight,
        bool isEstimated)
    {
        if (minute is not { } known)
            return;
        var (services, operations) = edge.CountsOf(
            _statistics!, isWithdrawn ? Withdrawals.Of(side) : side, span.Is(EdgeFlags.Error));
        services.At(known).Add(span.KnownNanos, weight, isEstimated, span.Exemplar);
        // exemplars of calls between operations are asked for by nobody, and would be most of all
        operations.At(known).Add(span.KnownNanos, weight, isEstimated, default);
    }
}
