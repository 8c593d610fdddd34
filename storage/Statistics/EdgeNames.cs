using System.Runtime.InteropServices;
using Tracing.Model;

namespace Tracing.Storage;

/// <summary>The names of edges within the bounds, and numbers for them. Full caches begin anew.</summary>
sealed class EdgeNames(SeriesNames names)
{
    /// <summary>Of names as sent; what they are bounded to is bounded by <see cref="SeriesNames"/>.</summary>
    const int MaxCached = 100_000;

    readonly Dictionary<string, Dictionary<string, int>> _cached = [];
    readonly Dictionary<(string Service, string Operation), int> _numbers = [];
    readonly Dictionary<string, int> _services = [];
    readonly List<Label> _labels = [];
    readonly Dictionary<(int Caller, int Callee, SpanKind Kind), Edge> _edges = [];
    int _cachedCount;

    // the spans of a request mostly follow one another
    string? _nearService;
    Dictionary<string, int> _near = [];

    /// <summary>A number for a service and an operation of it.</summary>
    public int LabelOf(string service, string operation)
    {
        if (!ReferenceEquals(service, _nearService))
        {
            ref var found = ref CollectionsMarshal.GetValueRefOrAddDefault(_cached, service, out _);
            (_nearService, _near) = (service, found ??= []);
        }
        if (_near.TryGetValue(operation, out var label))
            return label;
        var bounded = names.Service(service);
        label = Number(bounded, names.Operation(bounded, operation));
        if (_cachedCount == MaxCached)
        {
            (_cachedCount, _nearService) = (0, null);
            _cached.Clear();
        }
        else
        {
            _near.Add(operation, label);
            _cachedCount++;
        }
        return label;
    }

    /// <summary>A number for a peer that has no spans, and so no operations.</summary>
    public int LabelOfPeer(string peer) => Number(names.Service(peer), "");

    /// <summary>Whether two labels are of different services; one that is not known is none.</summary>
    public bool AreOfTwoServices(int one, int other) =>
        _labels[one].ServiceNumber != _labels[other].ServiceNumber &&
        _labels[one].Service.Length > 0 && _labels[other].Service.Length > 0;

    /// <summary>The series of an edge, within the bounds, yet without side and error.</summary>
    public Edge EdgeOf(int caller, int callee, SpanKind kind)
    {
        if (_edges.TryGetValue((caller, callee, kind), out var edge))
            return edge;
        if (_edges.Count == MaxCached)
            _edges.Clear();
        var (from, to) = (_labels[caller], _labels[callee]);
        edge = new Edge(
            names.Bound(new Series(SeriesLevel.ServiceEdge, from.Service, "", kind, false, Peer: to.Service)),
            names.Bound(new Series(SeriesLevel.OperationEdge, from.Service, from.Operation, kind, false,
                Peer: to.Service, PeerOperation: to.Operation)));
        _edges.Add((caller, callee, kind), edge);
        return edge;
    }

    int Number(string service, string operation)
    {
        ref var number = ref CollectionsMarshal.GetValueRefOrAddDefault(
            _numbers, (service, operation), out var isKnown);
        if (isKnown)
            return number;
        ref var serviceNumber = ref CollectionsMarshal.GetValueRefOrAddDefault(_services, service, out isKnown);
        if (!isKnown)
            serviceNumber = _services.Count;
        _labels.Add(new Label(service, operation, serviceNumber));
        return number = _labels.Count - 1;
    }

    public sealed record Edge(Series Services, Series Operations);

    readonly record struct Label(string Service, string Operation, int ServiceNumber);
}
