using System.Net;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Tracing.Storage;

/// <summary>
/// Bounds how many series there are, and what their names take: names beyond the bounds are counted as
/// <see cref="Series.Others"/>. Who comes first stays. For any thread.
/// </summary>
/// <param name="maxServices">From 1.</param>
/// <param name="maxOperations">Of one service, from 1.</param>
/// <param name="maxEdges">From one operation to another, from 1.</param>
/// <param name="maxAddresses">
/// Services known by their address only, as peers without spans are; instances that come and go would take all names.
/// </param>
/// <param name="maxCharacters">Of all names together; by default they take 64 MiB.</param>
public sealed class SeriesNames(int maxServices = 2000, int maxOperations = 1000, int maxEdges = 50_000,
    int maxAddresses = 100, long maxCharacters = 32 << 20)
{
    /// <summary>Characters of a name; of a longer one, such as a statement of SQL, the end is cut off.</summary>
    public const int MaxLength = 2048;

    const char CutMark = '\u2026';

    /// <summary>Hexadecimal digits of a hash, which tells apart what was cut.</summary>
    const int HashDigits = 16;

    readonly Dictionary<string, HashSet<string>> _operations = [];
    readonly HashSet<(string, string, string, string)> _edges = [];
    readonly Lock _lock = new();
    int _addresses;
    long _characters;

    /// <summary>
    /// The name with at most <see cref="MaxLength"/> characters: a longer one ends with "..." as one character and a
    /// hash of the whole, so that two that begin alike stay two.
    /// </summary>
    public static string Cut(string name)
    {
        if (name.Length <= MaxLength)
            return name;
        var length = MaxLength - HashDigits - 1;
        // not within a character of two
        if (char.IsHighSurrogate(name[length - 1]))
            length--;
        var hash = SHA256.HashData(MemoryMarshal.AsBytes(name.AsSpan()));
        return $"{name.AsSpan(0, length)}{CutMark}{Convert.ToHexStringLower(hash.AsSpan(0, HashDigits / 2))}";
    }

    /// <summary>
    /// Whether a text may be what <see cref="Cut"/> made of a longer one; if so, what that begins with.
    /// </summary>
    public static bool MayBeCut(string text, out string beginning)
    {
        var mark = text.Length - HashDigits - 1;
        // a character of two may have been in the way
        var isCut = text.Length is MaxLength or MaxLength - 1 && text[mark] == CutMark;
        beginning = isCut ? text[..mark] : "";
        return isCut;
    }

    /// <summary>Whether a name, as it is asked for, is this one, or what it was cut to where it was listed.</summary>
    public static bool IsNameOf(string text, string name) => text == name ||
        (name.Length > MaxLength && MayBeCut(text, out _) && Cut(name) == text);

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
            if (OperationsOf(service) is not { } operations)
                return Series.Others;
            if (operations.TryGetValue(operation, out var known))
                return known;
            if (operations.Count >= maxOperations || !TryTake(operation))
                return Series.Others;
            operations.Add(operation);
            return operation;
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
    static string Clean(string name)
    {
        name = Cut(name);
        return name.AsSpan().ContainsAnyInRange('\ud800', '\udfff')
            ? Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(name))
            : name;
    }

    bool TryTake(string name)
    {
        if (_characters + name.Length > maxCharacters)
            return false;
        _characters += name.Length;
        return true;
    }

    HashSet<string>? OperationsOf(string service)
    {
        if (_operations.TryGetValue(service, out var operations) || _operations.Count == maxServices)
            return operations;
        var isAddress = IsAddress(service);
        if ((isAddress && _addresses == maxAddresses) || !TryTake(service))
            return null;
        _addresses += isAddress ? 1 : 0;
        _operations.Add(service, operations = []);
        return operations;
    }

    // that of a database comes after its system and a slash
    static bool IsAddress(string service) =>
        IPAddress.TryParse(service.AsSpan(service.IndexOf('/', StringComparison.Ordinal) + 1), out _);
}
