using Tracing.Model;
using Tracing.Storage;

namespace Tracing.Tests;

/// <summary>The calls among spans, by looking at all of them at once.</summary>
sealed class NaiveEdges
{
    readonly Dictionary<(ulong Trace, ulong Id, bool IsServer), Span> _spans = [];
    readonly Dictionary<Span, HashSet<string>> _reached = new(ReferenceEqualityComparer.Instance);
    readonly HashSet<Span> _covered = new(ReferenceEqualityComparer.Instance);
    readonly Dictionary<Span, Span> _outer = new(ReferenceEqualityComparer.Instance);
    readonly Dictionary<string, ulong> _counts = [];

    NaiveEdges(IEnumerable<Span> spans)
    {
        foreach (var span in spans)
            _ = _spans.TryAdd((span.TraceId.Low, span.SpanId.Value, IsServerHalf(span)), span);
        var calls = _spans.Values.SelectMany(Calls)
            .GroupBy(call => (call.Caller.TraceId.Low, call.Caller.SpanId, IsServerHalf(call.Caller),
                call.Callee.Kind == SpanKind.Consumer ? call.Callee.ServiceName : call.Callee as object))
            .Select(same => same.OrderBy(call => call.Callee.StartUnixNano / 1_000_000_000)
                .ThenByDescending(call => call.Callee.DurationNanos)
                .ThenBy(call => (call.Callee.TraceId.Low, call.Callee.SpanId.Value)).First())
            .ToList();
        foreach (var (caller, callee) in calls)
        {
            var kind = caller.Kind == SpanKind.Producer || callee.Kind == SpanKind.Consumer ? "Producer" : "Client";
            Count(caller, kind, "Caller", caller, callee.ServiceName, callee.Name);
            Count(caller, kind, "Callee", callee, callee.ServiceName, callee.Name);
            _reached.TryAdd(caller, []);
            _ = _reached[caller].Add(callee.ServiceName);
        }
        foreach (var inner in _outer.Keys)
        {
            var outer = _outer[inner];
            for (var level = 0; outer is not null && level < 8; level++, outer = _outer.GetValueOrDefault(outer))
                Cover(outer, inner);
        }
        foreach (var span in _spans.Values.Where(IsCaller))
        {
            if (PeerOf(span) is { } peer && !_reached.ContainsKey(span) && !_covered.Contains(span))
                Count(span, span.Kind.ToString(), "Caller", span, peer, "");
        }
    }

    /// <summary>As <see cref="Text"/> says series.</summary>
    public static string Of(IEnumerable<Span> spans) => Lines(new NaiveEdges(spans)._counts);

    /// <summary>The edges among operations, which those among services must add up to.</summary>
    public static string Text(params SpanStatistics[] statistics)
    {
        var points = Withdrawals.Apply(SeriesPoints.Merge(
            statistics.SelectMany(each => each.Points(_ => true, 0, long.MaxValue)), minutes: 1));
        var services = Totals(points.Where(point => point.Series.Level == SeriesLevel.ServiceEdge));
        var operations = points.Where(point => point.Series.Level == SeriesLevel.OperationEdge).ToList();
        Xunit.Assert.Equal(services, Totals(operations));
        return Lines(operations.GroupBy(point => Name(point.Series)).ToDictionary(
            same => same.Key, same => same.Aggregate(0UL, (sum, point) => sum + point.Latencies.Calls)));
    }

    static string Totals(IEnumerable<SeriesPoint> points) => Lines(points
        .GroupBy(point => $"{point.Series.Service} {point.Series.Peer} {point.Series.Side} {point.Series.IsError} " +
            $"{point.Series.Kind}, minute {point.Minute}")
        .ToDictionary(same => same.Key, same => same.Aggregate(0UL, (sum, point) => sum + point.Latencies.Calls)));

    static string Name(Series series) => $"{series.Service} {series.Operation} -> {series.Peer} " +
        $"{series.PeerOperation}, {series.Kind}, {series.Side}{(series.IsError ? ", failed" : "")}";

    static string Lines(Dictionary<string, ulong> counts) =>
        string.Join('\n', counts.Select(count => $"{count.Key}: {count.Value}").Order(StringComparer.Ordinal));

    static bool IsServerHalf(Span span) => span.Shared || span.Kind == SpanKind.Server;

    static bool IsCaller(Span span) => span.Kind is SpanKind.Client or SpanKind.Producer;

    static bool IsSystem(Span span) =>
        IsCaller(span) && Array.Exists(span.Attributes, tag => tag.Key.EndsWith(".system", StringComparison.Ordinal));

    static string? PeerOf(Span span) => Array.Find(
        span.Attributes, one => one.Key is "peer.service" or "db.system" or "messaging.system").Value.AsString();

    static int Rank(Span span) => PeerOf(span) is null ? 0 : IsSystem(span) ? 2 : 1;

    /// <summary>Of two spans of one call, those that do not count it.</summary>
    void Cover(Span outer, Span inner)
    {
        if (!IsCaller(outer))
            return;
        if (inner.Kind == SpanKind.Consumer)
        {
            if (outer.Kind == SpanKind.Client && outer.Attributes.Any(tag => tag.Key == "messaging.system"))
                _ = _covered.Add(outer);
            return;
        }
        var (isOuterReached, isInnerReached) = (_reached.ContainsKey(outer), _reached.ContainsKey(inner));
        if (!IsCaller(inner) && !isInnerReached)
            return;
        var isCarried = (IsSystem(outer) || outer.Kind == SpanKind.Producer) &&
            !IsSystem(inner) && inner.Kind != SpanKind.Producer;
        if (!isCarried && !MayBeOne(outer, inner))
            return;
        if (isOuterReached != isInnerReached)
            _ = _covered.Add(isOuterReached ? inner : outer);
        else if (Rank(outer) > Rank(inner))
            _ = _covered.Add(inner);
        else if (PeerOf(inner) is not null)
            _ = _covered.Add(outer);
    }

    bool MayBeOne(Span outer, Span inner)
    {
        string[] namesOfOuter = [.. Names(outer)], namesOfInner = [.. Names(inner)];
        return namesOfOuter.Length == 0 || namesOfInner.Length == 0 || namesOfOuter.Intersect(namesOfInner).Any();
    }

    IEnumerable<string> Names(Span span)
    {
        if (PeerOf(span) is { } peer)
            yield return peer;
        foreach (var service in _reached.GetValueOrDefault(span) ?? [])
            yield return service;
    }

    IEnumerable<(Span Caller, Span Callee)> Calls(Span callee)
    {
        if (CallerOf(callee) is { } caller)
            yield return (caller, callee);
        if (callee.Kind != SpanKind.Consumer)
            yield break;
        foreach (var link in callee.Links.DistinctBy(link => (link.TraceId.Low, link.SpanId)))
        {
            if (link.SpanId == callee.ParentSpanId && link.TraceId.Low == callee.TraceId.Low)
                continue;
            if (Get(link.TraceId.Low, link.SpanId, false) is { Kind: SpanKind.Producer } producer)
                yield return (producer, callee);
        }
    }

    Span? CallerOf(Span callee)
    {
        var trace = callee.TraceId.Low;
        if (IsServerHalf(callee) && Get(trace, callee.SpanId, false) is { } client &&
            (callee.Shared || client.Kind == SpanKind.Client))
            return client;
        var (other, server) = (Get(trace, callee.ParentSpanId, false), Get(trace, callee.ParentSpanId, true));
        var parent = other is not null && server is not null
            ? server.ServiceName != callee.ServiceName && other.ServiceName == callee.ServiceName ? other : server
            : other ?? server;
        if (parent is null)
            return null;
        if (callee.Kind == SpanKind.Server || parent.ServiceName != callee.ServiceName ||
            (callee.Kind == SpanKind.Consumer && parent.Kind == SpanKind.Producer))
            return parent;
        if (!IsServerHalf(parent) && !IsServerHalf(callee) && parent.Kind != SpanKind.Consumer)
            _outer.Add(callee, parent);
        return null;
    }

    Span? Get(ulong trace, SpanId id, bool isServer) => _spans.GetValueOrDefault((trace, id.Value, isServer));

    void Count(Span caller, string kind, string side, Span span, string peer, string operation)
    {
        var failed = span.Status == StatusCode.Error ? ", failed" : "";
        var name = $"{caller.ServiceName} {caller.Name} -> {peer} {operation}, {kind}, {side}{failed}";
        _counts[name] = _counts.GetValueOrDefault(name) + 1;
    }
}
