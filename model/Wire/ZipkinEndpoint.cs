using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Tracing.Model.Wire;

/// <summary>An endpoint while its fields are read, by Zipkin's rules.</summary>
struct ZipkinEndpoint
{
    static readonly SearchValues<char> AddressDigits = SearchValues.Create("0123456789abcdefABCDEF.:");

    string? _serviceName;
    string? _ipv4;
    string? _ipv6;
    ushort _port;

    public void SetServiceName(string name) => _serviceName = ZipkinText.ToLower(name);

    /// <summary>Null when the port fits or is none (0 and below), else what is wrong.</summary>
    public string? SetPort(long port)
    {
        if (port > ushort.MaxValue)
            return string.Create(CultureInfo.InvariantCulture, $"invalid port {port}");
        _port = (ushort)Math.Max(port, 0);
        return null;
    }

    /// <summary>Takes an address of either family, whatever field it came in; a host name is ignored.</summary>
    public void SetAddress(string text)
    {
        if (text.Length == 0 || text.AsSpan().ContainsAnyExcept(AddressDigits))
            return;
        var lastColon = text.LastIndexOf(':');
        var dot = text.IndexOf('.');
        if (dot < 0)
        {
            if (lastColon >= 0 && IPAddress.TryParse(text, out var ip) &&
                ip.AddressFamily == AddressFamily.InterNetworkV6)
                _ipv6 = Canonical(ip.GetAddressBytes());
        }
        else if (dot > lastColon && IsIpv4(text.AsSpan(lastColon + 1)) && IsIpv4Prefix(text.AsSpan(0, lastColon + 1)))
        {
            _ipv4 = text[(lastColon + 1)..];
        }
    }

    /// <summary>
    /// Takes 4 or 16 bytes in network order; any other length is ignored. 16 bytes may hold an IPv4 address, compatible
    /// or mapped.
    /// </summary>
    public void SetAddress(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length == 16 && IsIpv4Within(bytes))
            bytes = bytes[12..];
        if (bytes.Length == 4)
            _ipv4 = new IPAddress(bytes).ToString();
        else if (bytes.Length == 16)
            _ipv6 = Canonical(bytes);
    }

    /// <summary>The endpoint, or null when nothing of it is known.</summary>
    public readonly Endpoint? Build() =>
        string.IsNullOrEmpty(_serviceName) && _ipv4 is null && _ipv6 is null && _port == 0 ? null : new Endpoint
        {
            ServiceName = _serviceName ?? "",
            Ipv4 = _ipv4 ?? "",
            Ipv6 = _ipv6 ?? "",
            Port = _port,
        };

    // "", "::" and "::ffff:" may stand before a dotted address; so may "::0000:"
    static bool IsIpv4Prefix(ReadOnlySpan<char> prefix) =>
        prefix.IsEmpty || prefix is "::" || (prefix.Length == 7 && prefix.StartsWith("::") &&
        !prefix[2..6].ContainsAnyExcept("fF0"));

    static bool IsIpv4(ReadOnlySpan<char> text) => TryReadIpv4(text, stackalloc byte[4], out _);

    /// <summary>
    /// Reads dotted decimal as Zipkin does: zeros may lead, where .NET takes a number for an octal one and fails at 09.
    /// </summary>
    public static bool TryReadIpv4(ReadOnlySpan<char> text, Span<byte> bytes, out int length)
    {
        length = 0;
        foreach (var range in text.Split('.'))
        {
            var part = text[range];
            if (length == 4 || part.Length is 0 or > 3 || part.ContainsAnyExceptInRange('0', '9') ||
                !byte.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out bytes[length]))
                return false;
            length++;
        }
        return length == 4;
    }

    /// <summary>Reads the canonical text.</summary>
    public static bool TryReadIpv6(ReadOnlySpan<char> text, Span<byte> bytes, out int length)
    {
        length = 0;
        return IPAddress.TryParse(text, out var ip) && ip.TryWriteBytes(bytes, out length);
    }

    // :: and ::1 are IPv6's own
    static bool IsIpv4Within(ReadOnlySpan<byte> bytes) =>
        !bytes[..10].ContainsAnyExcept((byte)0) && BinaryPrimitives.ReadUInt16BigEndian(bytes[10..]) switch
        {
            0 => BinaryPrimitives.ReadUInt32BigEndian(bytes[12..]) > 1,
            0xffff => true,
            _ => false,
        };

    /// <summary>Groups in lower case, without leading zeros; the first of the longest runs of zeros is "::".</summary>
    static string Canonical(ReadOnlySpan<byte> bytes)
    {
        var (start, length) = LongestZeroRun(bytes);
        var text = new StringBuilder(39);
        for (var group = 0; group < 8; group++)
        {
            if (group == start)
            {
                text.Append("::");
                group += length - 1;
                continue;
            }
            if (group > 0 && text[^1] != ':')
                text.Append(':');
            var value = BinaryPrimitives.ReadUInt16BigEndian(bytes[(group * 2)..]);
            text.Append(CultureInfo.InvariantCulture, $"{value:x}");
        }
        return text.ToString();
    }

    static (int Start, int Length) LongestZeroRun(ReadOnlySpan<byte> bytes)
    {
        var (start, length, run) = (-1, 0, 0);
        for (var group = 0; group < 8; group++)
        {
            run = BinaryPrimitives.ReadUInt16BigEndian(bytes[(group * 2)..]) == 0 ? run + 1 : 0;
            if (run > length)
                (start, length) = (group - run + 1, run);
        }
        return (start, length);
    }
}
