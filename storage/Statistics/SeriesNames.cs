using System.Net;
using System.Text;

namespace Tracing.Storage;

/// <summary>
/// Bounds how many series there are: names beyond the bounds are counted as <see cref="Series.Others"/>. Who comes
/// first stays. For any thread.
/// </summary>
/// <param name="maxServices">From 1.</param>
/// <param name="maxOperations">Of one service, from 1.</param>
/// <param name="maxEdges">From one operation to another, from 1.</param>
/// <param name="maxAddresses">
/// Services known by their address only, as peers without spans are; instances that come and go would take all names.
/// </param>
public sealed class SeriesNames(
    int maxServices = 2000, int maxOperations = 1000, int maxEdges = 50_000, int maxAddresses = 100)
{
    readonly Dictionary<string, HashSet<string>> _operations = [];
    readonly HashSet<(string, string, string, string)> _edges = [];
    readonly Lock _lock = new();
    int _addresses;

    /// <summary>The service, or that of the others.</summary>
    public string Service(string service)
    {
        service = Clean(service);
        lock (_lock)
            return OperationsOf(service) is null ? Series.Others : service;
    }

    /// <summary>The operation, or that of the others.</summary>
    /// <param name="service">As <see cref="Service"/> gave it.</param>
    public string Operation(string service, string operation)
    {
        operation = Clean(operation);
        lock (_lock)
        {
            return OperationsOf(service) is { } operations &&
                (operations.Contains(operation) || (operations.Count < maxOperations && operations.Add(operation)))
                ? operation
                : Series.Others;
        }
    }

    /// <summary>The same series with names within the bounds.</summary>
    public Series Bound(Series series)
    {
        series = series with { Service = Service(series.Service) };
        if (series.Level is SeriesLevel.Operation or SeriesLevel.OperationEdge)
            series = series with { Operation = Operation(series.Service, series.Operation) };
        if (series.Level == SeriesLevel.ServiceEdge)
            return series with { Peer = Service(series.Peer) };
        if (series.Level != SeriesLevel.OperationEdge)
            return series;
        series = series with { Peer = Service(series.Peer) };
        if (series.PeerOperation.Length > 0)
            series = series with { PeerOperation = Operation(series.Peer, series.PeerOperation) };
        var edge = (series.Service, series.Operation, series.Peer, series.PeerOperation);
        lock (_lock)
        {
            return _edges.Contains(edge) || (_edges.Count < maxEdges && _edges.Add(edge))
                ? series
                : series with { Operation = Series.Others, PeerOperation = Series.Others };
        }
    }

    // as stores give it back: lone surrogates are U+FFFD in UTF-8
    static string Clean(string name) => name.AsSpan().ContainsAnyInRange('\ud800', '\udfff')
        ? Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(name))
        : name;

    HashSet<string>? OperationsOf(string service)
    {
        if (_operations.TryGetValue(service, out var operations) || _operations.Count == maxServices)
            return operations;
        if (IsAddress(service))
        {
            if (_addresses == maxAddresses)
                return null;
            _addresses++;
        }
        _operations.Add(service, operations = []);
        return operations;
    }

    // that of a database comes after its system and a slash
    static bool IsAddress(string service) =>
        IPAddress.TryParse(service.AsSpan(service.IndexOf('/', StringComparison.Ordinal) + 1), out _);
}
