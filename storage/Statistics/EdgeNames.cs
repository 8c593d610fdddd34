using System.Runtime.InteropServices;
using Tracing.Model;

namespace Tracing.Storage;

/// <summary>The names of edges within the bounds, and numbers for them. Full caches begin anew.</summary>
sealed class EdgeNames(SeriesNames names)
{
    /// <summary>Of names as sent; what they are bounded to is bounded by <see cref="SeriesNames"/>.</summary>
    const int MaxCached = 100_000;

    /// <summary>Of the names in the cache; they take 16 MiB.</summary>
    const int MaxCharacters = 8 << 20;

    readonly Dictionary<(string Service, string Operation), Label> _cached = [];
    readonly NearNames<Label> _near = new();
    readonly Dictionary<(string Service, string Operation), int> _numbers = [];
    readonly Dictionary<string, int> _services = [];
    readonly List<Label> _labels = [];
    readonly Dictionary<(ulong Ends, bool IsMessage), Edge> _edges = [];
    int _characters;

    /// <summary>A number for a service and an operation of it.</summary>
    public int LabelOf(string service, string operation)
    {
        var label = _near.Find(service, operation, 0);
        if (label is null)
        {
            label = LabelOfNames((service, operation));
            _near.Remember(service, operation, 0, label);
        }
        return label.Number;
    }

    Label LabelOfNames((string Service, string Operation) sent)
    {
        sent = (SeriesNames.Cut(sent.Service), SeriesNames.Cut(sent.Operation));
        if (_cached.TryGetValue(sent, out var label))
            return label;
        var bounded = names.Service(sent.Service);
        label = _labels[Number(bounded, names.Operation(bounded, sent.Operation))];
        _characters += sent.Service.Length + sent.Operation.Length;
        if (_cached.Count == MaxCached || _characters > MaxCharacters)
        {
            _cached.Clear();
            _characters = sent.Service.Length + sent.Operation.Length;
        }
        _cached.Add(sent, label);
        return label;
    }

    /// <summary>A number for a peer that has no spans, and so no operations.</summary>
    public int LabelOfPeer(string peer) => Number(names.Service(peer), "");

    /// <summary>The service of a label, and the number of its name.</summary>
    public (string Name, int Number) ServiceOf(int label) => (_labels[label].Service, _labels[label].ServiceNumber);

    /// <summary>Whether two labels are of different services; one that is not known is none.</summary>
    public bool AreOfTwoServices(int one, int other) =>
        _labels[one].ServiceNumber != _labels[other].ServiceNumber &&
        _labels[one].Service.Length > 0 && _labels[other].Service.Length > 0;

    /// <summary>The series of an edge, within the bounds.</summary>
    public Edge EdgeOf(int caller, int callee, bool isMessage)
    {
        var key = (((ulong)(uint)caller << 32) | (uint)callee, isMessage);
        if (_edges.TryGetValue(key, out var edge))
            return edge;
        if (_edges.Count == MaxCached)
            _edges.Clear();
        var (from, to) = (_labels[caller], _labels[callee]);
        var kind = isMessage ? SpanKind.Producer : SpanKind.Client;
        edge = new Edge(
            names.Bound(new Series(SeriesLevel.ServiceEdge, from.Service, "", kind, false, Peer: to.Service)),
            names.Bound(new Series(SeriesLevel.OperationEdge, from.Service, from.Operation, kind, false,
                Peer: to.Service, PeerOperation: to.Operation)));
        _edges.Add(key, edge);
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
        number = _labels.Count;
        _labels.Add(new Label(number, service, operation, serviceNumber));
        return number;
    }

    sealed record Label(int Number, string Service, string Operation, int ServiceNumber);

    /// <summary>Calls between two services and between two of their operations, yet without side and error.</summary>
    public sealed class Edge(Series services, Series operations)
    {
        readonly (ByMinute<LatencyCounts>? Services, ByMinute<LatencyCounts>? Operations)[] _counts =
            new (ByMinute<LatencyCounts>?, ByMinute<LatencyCounts>?)[2 * (int)EdgeSide.CalleeWithdrawn];

        // that of the counts
        SpanStatistics? _statistics;

        /// <summary>Where a side's calls of one outcome are counted; with the gate of the statistics held.</summary>
        public (ByMinute<LatencyCounts> Services, ByMinute<LatencyCounts> Operations) CountsOf(
            SpanStatistics statistics, EdgeSide side, bool isError)
        {
            if (statistics != _statistics)
            {
                Array.Clear(_counts);
                _statistics = statistics;
            }
            ref var counts = ref _counts[(2 * ((int)side - 1)) + (isError ? 1 : 0)];
            return (
                counts.Services ??= statistics.Of(services with { Side = side, IsError = isError }),
                counts.Operations ??= statistics.Of(operations with { Side = side, IsError = isError }));
        }
    }
}
