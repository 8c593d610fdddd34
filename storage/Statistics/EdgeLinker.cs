using Tracing.Model;

namespace Tracing.Storage;

/// <summary>
/// Counts the calls between services and operations, from spans that come in different requests and in any order: each
/// pair of caller and callee once, when the later one comes. What is counted depends only on the order of the spans and
/// on the calls of <see cref="MoveOn"/>. Not thread-safe.
/// <para>
/// Remembers the spans of three partitions in some 75 bytes each, so 70 MB for three of 300,000 spans; up to twice that
/// after growing. Names and peers have bounds of their own.
/// </para>
/// </summary>
/// <param name="names">Bounds the names. It must have those of before a restart when spans are replayed.</param>
/// <param name="maxSpans">Spans, and links, to remember of a partition; those beyond are not linked.</param>
public sealed class EdgeLinker(SeriesNames names, int maxSpans = 600_000)
{
    /// <summary>From so many spans of a partition on, its last ones wait for their peers during the next one.</summary>
    const int MinSpansToCarry = 1000;

    /// <summary>The part of them that does.</summary>
    const int CarriedPart = 8;

    /// <summary>Links are compared with so many of the span's earlier ones.</summary>
    const int MaxLinksCompared = 16;

    readonly EdgeTable _table = new(maxSpans);
    readonly EdgeNames _names = new(names);
    EdgePeers _peers = new();

    // what is before need not wait any longer
    int _final;

    // of the call at hand
    SpanStatistics? _statistics;
    readonly Lock _noGate = new();

    /// <summary>Counts the calls that these spans complete.</summary>
    /// <param name="spans">In the order stored.</param>
    /// <param name="statistics">Where to count; null: only remember the spans, which have been counted before.</param>
    public void Add(IReadOnlyList<Span> spans, SpanStatistics? statistics)
    {
        lock (statistics?.Gate ?? _noGate)
        {
            _statistics = statistics;
            for (var i = 0; i < spans.Count; i++)
                Add(spans[i]);
        }
    }

    /// <summary>
    /// A partition begins: the spans of three partitions back are forgotten. Callers of the one that has ended whose
    /// callee did not show up are counted to the peer they name, but for the last eighth of many spans: these get the
    /// next partition's time, as callees mostly come seconds later.
    /// </summary>
    /// <param name="ended">Where to count; null: they have been counted before.</param>
    public void MoveOn(SpanStatistics? ended)
    {
        lock (ended?.Gate ?? _noGate)
        {
            _statistics = ended;
            CountPeers();
        }
        KeepPeersFrom(_final);
        _final -= _table.MoveOn();
    }

    /// <summary>Of those that need not wait any longer.</summary>
    void CountPeers()
    {
        var count = _table.CurrentCount;
        var end = _table.Count - (count < MinSpansToCarry ? 0 : count / CarriedPart);
        var begin = _final;
        _final = end;
        for (var i = begin; i < end; i++)
        {
            if (!_table[i].Is(EdgeFlags.Decided))
                Decide(i);
        }
        for (var i = begin; i < end; i++)
        {
            ref var caller = ref _table[i];
            if (caller.Peer != 0 && !caller.Is(EdgeFlags.HasCallee))
                CountPeer(ref caller, _peers[caller.Peer]);
        }
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
            AddPeer(span, ref _table[position]);
        if (!isServerHalf && halves.Server != EdgeTable.None && !_table[halves.Server].Is(EdgeFlags.Decided))
            Decide(halves.Server);
        DecideWaiting(span.TraceId.Low, span.SpanId.Value);
        if (!Decide(position) && _table[position].Parent != 0)
            _table.AddWaiting(position);
        if (span.Kind == SpanKind.Consumer && span.Links.Length > 0)
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
            weight = (uint)Math.Min(uint.MaxValue, SpanStatistics.WeightOf(span));
            flags |= SpanStatistics.IsEstimated(span) ? EdgeFlags.Estimated : 0;
        }
        return new EdgeSpan
        {
            Trace = span.TraceId.Low,
            TraceHigh = span.TraceId.High,
            Id = span.SpanId.Value,
            Parent = span.ParentSpanId == span.SpanId ? 0 : span.ParentSpanId.Value,
            Nanos = span.DurationNanos,
            Label = _names.LabelOf(span.ServiceName, span.Name),
            Second = SpanStatistics.SecondOf(span),
            Weight = weight,
            Flags = flags,
        };
    }

    void AddPeer(Span span, ref EdgeSpan caller)
    {
        if (_peers.NameOf(span, out var isDatabase) is not { } peer)
            return;
        if (isDatabase)
            CountPeer(ref caller, peer);
        else
            caller.Peer = _peers.NumberOf(peer);
    }

    /// <summary>A link is a child of its own, of the span that it names.</summary>
    void AddLinks(Span span, int position)
    {
        for (var i = 0; i < span.Links.Length && !_table.IsFull; i++)
        {
            var (trace, id) = (span.Links[i].TraceId.Low, span.Links[i].SpanId.Value);
            var isKnown = id == 0 || (trace == span.TraceId.Low && id == span.ParentSpanId.Value);
            for (var j = Math.Max(0, i - MaxLinksCompared); j < i && !isKnown; j++)
                isKnown = span.Links[j].TraceId.Low == trace && span.Links[j].SpanId.Value == id;
            if (isKnown)
                continue;
            var link = _table.Add(_table[position] with
            {
                Trace = trace,
                Id = span.TraceId.Low,
                Parent = id,
                Flags = (_table[position].Flags | EdgeFlags.Link) &
                    ~(EdgeFlags.Decided | EdgeFlags.ServerHalf | EdgeFlags.Shared),
            });
            if (!Decide(link))
                _table.AddWaiting(link);
        }
    }

    /// <summary>Decides those that a caller has, and takes them out of the chain.</summary>
    void DecideWaiting(ulong trace, ulong caller)
    {
        ref var next = ref _table.WaitingFor(trace, caller);
        while (next != 0)
        {
            ref var child = ref _table[next - 1];
            if (child.Is(EdgeFlags.Decided) ||
                (child.Parent == caller && child.Trace == trace && Decide(next - 1)))
                next = child.NextWaiting;
            else
                next = ref child.NextWaiting;
        }
    }

    /// <summary>Counts the call of a callee if it is one.</summary>
    /// <returns>False if a caller may still come.</returns>
    bool Decide(int position)
    {
        ref var child = ref _table[position];
        if (child.Is(EdgeFlags.ServerHalf) && _table.Find(child.Trace, child.Id).Other is >= 0 and var client &&
            (child.Is(EdgeFlags.Shared) || _table[client].Kind == SpanKind.Client))
        {
            Count(ref _table[client], ref child);
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
        ref var parent = ref _table[isOther ? other : server];
        if (IsCall(ref parent, ref child))
        {
            if (position >= _final && MayHaveNearerCaller(ref parent, isBoth, ref child))
                return false;
            Count(ref parent, ref child);
        }
        else if (parent.Kind == SpanKind.Client && child.Kind is SpanKind.Client or SpanKind.Producer)
        {
            // the same call, seen by two libraries: the inner one tells of the peer
            parent.Flags |= EdgeFlags.HasCallee;
        }
        child.Flags |= EdgeFlags.Decided;
        return true;
    }

    bool AreOfTwoServices(ref EdgeSpan one, ref EdgeSpan other) => _names.AreOfTwoServices(one.Label, other.Label);

    bool IsCall(ref EdgeSpan parent, ref EdgeSpan child)
    {
        if (child.Is(EdgeFlags.Link))
            return parent.Kind == SpanKind.Producer;
        // a consumer's span within one is what it does with the message that this one received
        return child.Kind == SpanKind.Server ||
            (child.Kind == SpanKind.Consumer && parent.Kind != SpanKind.Consumer) ||
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

    void Count(ref EdgeSpan caller, ref EdgeSpan callee)
    {
        callee.Flags |= EdgeFlags.Decided;
        caller.Flags |= EdgeFlags.HasCallee;
        if (_statistics is null)
            return;
        var isMessage = caller.Kind == SpanKind.Producer || callee.Kind == SpanKind.Consumer;
        var edge = _names.EdgeOf(caller.Label, callee.Label, isMessage);
        var weight = Math.Max(caller.Weight, callee.Weight);
        var isEstimated = caller.Is(EdgeFlags.Estimated) || callee.Is(EdgeFlags.Estimated);
        // the call has been counted for the caller, under the peer's name
        if (!caller.Is(EdgeFlags.CountedToPeer))
            CountSide(edge, EdgeSide.Caller, ref caller, weight, isEstimated);
        CountSide(edge, EdgeSide.Callee, ref callee, weight, isEstimated);
    }

    void CountPeer(ref EdgeSpan caller, string peer)
    {
        caller.Flags |= EdgeFlags.CountedToPeer;
        if (_statistics is null)
            return;
        var edge = _names.EdgeOf(caller.Label, _names.LabelOfPeer(peer), caller.Kind == SpanKind.Producer);
        CountSide(edge, EdgeSide.Caller, ref caller, caller.Weight, caller.Is(EdgeFlags.Estimated));
    }

    void CountSide(EdgeNames.Edge edge, EdgeSide side, ref EdgeSpan span, ulong weight, bool isEstimated)
    {
        var (services, operations) = edge.CountsOf(_statistics!, side, span.Is(EdgeFlags.Error));
        var minute = _statistics!.MinuteOf(span.Second);
        services.At(minute).Add(span.Nanos, weight, isEstimated, span.Exemplar);
        operations.At(minute).Add(span.Nanos, weight, isEstimated, span.Exemplar);
    }

    /// <summary>Forgets the names of peers that no longer matter.</summary>
    void KeepPeersFrom(int position)
    {
        var before = _peers;
        _peers = new EdgePeers();
        for (var i = 0; i < _table.Count; i++)
        {
            ref var span = ref _table[i];
            if (span.Peer != 0)
                span.Peer = i < position ? (ushort)0 : _peers.NumberOf(before[span.Peer]);
        }
    }
}
