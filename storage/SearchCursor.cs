using System.Buffers.Binary;
using System.Buffers.Text;
using Tracing.Model;

namespace Tracing.Storage;

/// <summary>
/// Where a page of a search ended. Later pages see the spans that were stored when the first was answered and no
/// others, so that pages neither repeat nor leave out traces while spans arrive, whatever the order is.
/// </summary>
/// <param name="Order">Of the search.</param>
/// <param name="StartUnixNano">Start of the window, as in <see cref="SpanSearch"/>.</param>
/// <param name="EndUnixNano">End of the window.</param>
/// <param name="Value">What the last trace is ordered by: nanoseconds or a number of spans.</param>
/// <param name="TraceId">The last trace.</param>
/// <param name="Snapshot">What the store knows the spans of the first page by.</param>
public sealed record SearchCursor(
    SearchOrder Order, ulong StartUnixNano, ulong EndUnixNano, ulong Value, TraceId TraceId, long Snapshot)
{
    /// <summary>Changes with the layout, so that cursors of an older server are refused.</summary>
    const byte Version = 1;

    const int Length = 50;

    /// <summary>Reads what <see cref="ToString"/> wrote.</summary>
    public static bool TryParse(string text, out SearchCursor? cursor)
    {
        cursor = null;
        Span<byte> bytes = stackalloc byte[Length];
        if (text.Length > 2 * Length || !Base64Url.IsValid(text, out var length) || length != Length ||
            !Base64Url.TryDecodeFromChars(text, bytes, out _) || bytes[0] != Version ||
            bytes[1] > (byte)SearchOrder.MostErrors)
        {
            return false;
        }
        cursor = new SearchCursor((SearchOrder)bytes[1],
            BinaryPrimitives.ReadUInt64BigEndian(bytes[2..]), BinaryPrimitives.ReadUInt64BigEndian(bytes[10..]),
            BinaryPrimitives.ReadUInt64BigEndian(bytes[18..]), TraceId.FromBytes(bytes[26..]),
            BinaryPrimitives.ReadInt64BigEndian(bytes[42..]));
        return true;
    }

    /// <summary>Opaque text in base64url.</summary>
    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Length];
        bytes[0] = Version;
        bytes[1] = (byte)Order;
        BinaryPrimitives.WriteUInt64BigEndian(bytes[2..], StartUnixNano);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[10..], EndUnixNano);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[18..], Value);
        TraceId.WriteBytes(bytes[26..]);
        BinaryPrimitives.WriteInt64BigEndian(bytes[42..], Snapshot);
        return Base64Url.EncodeToString(bytes);
    }
}
