using System.Numerics;
using System.Runtime.InteropServices;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Rows of a column as bytes, for the log: a number for which rows have a value; then the values. Scalars are written
/// as they are in memory, one if all are the same; texts as their lengths and then all their bytes; lists as how many
/// elements each has, and then these. Lengths and elements of INTEGER are varints, the latter with the sign in the
/// lowest bit.
/// </summary>
static unsafe class ColumnCodec
{
    const byte NoValues = 0;
    const byte AllValues = 1;
    const byte SomeValues = 2;
    const byte SameValue = 3;

    public static void Write(ColumnBlock column, int start, int end, LogBuffer to)
    {
        var values = 0;
        for (var row = start; row < end; row++)
            values += column.IsNull(row) ? 0 : 1;
        if (values == 0)
        {
            to.AddByte(NoValues);
            return;
        }
        if (column.Type.Kind == ColumnKind.Scalar && values == end - start && IsSame(column, start, end))
        {
            to.AddByte(SameValue);
            to.Add(new ReadOnlySpan<byte>(column.Data + (start * column.Type.Width), column.Type.Width));
            return;
        }
        to.AddByte(values == end - start ? AllValues : SomeValues);
        if (values < end - start)
            WriteNulls(column, start, end, to);
        switch (column.Type.Kind)
        {
            case ColumnKind.Scalar:
                to.Add(new ReadOnlySpan<byte>(
                    column.Data + (start * column.Type.Width), (end - start) * column.Type.Width));
                break;
            case ColumnKind.Bytes:
                WriteTexts((BytesDescriptor*)column.Data + start, end - start, to);
                break;
            default:
                WriteLists(column, start, end, to);
                break;
        }
    }

    /// <summary>Sets rows that come next in the column.</summary>
    public static void Read(ColumnBlock column, int start, int end, ref LogReader from)
    {
        var letter = from.TakeByte();
        if (letter > SameValue)
            throw new InvalidDataException($"There is no letter {letter} for the values of a column.");
        var nulls = letter == SomeValues ? from.Take((end - start + 7) / 8) : default;
        var width = column.Type.Width;
        var scalars = (letter, column.Type.Kind) switch
        {
            (SameValue, _) => from.Take(width),
            (not NoValues, ColumnKind.Scalar) => from.Take((end - start) * width),
            _ => default,
        };
        var lengths = letter != NoValues && column.Type.Kind != ColumnKind.Scalar
            ? ReadNumbers(ref from, end - start) : default;
        for (var row = start; row < end; row++)
        {
            var i = row - start;
            if (letter == NoValues || (letter == SomeValues && (nulls[i / 8] >> (i % 8) & 1) == 0))
                column.SetNull(row);
            else if (column.Type.Kind == ColumnKind.Scalar)
                SetScalar(column, row, scalars.Slice(letter == SameValue ? 0 : i * width, width));
            else if (column.Type.Kind == ColumnKind.Bytes)
                column.SetBytes(row, from.Take(lengths![i]));
            else
                ReadList(column, row, lengths![i], ref from);
        }
    }

    static bool IsSame(ColumnBlock column, int start, int end) => column.Type.Width switch
    {
        1 => IsSame<byte>(column, start, end),
        2 => IsSame<ushort>(column, start, end),
        4 => IsSame<uint>(column, start, end),
        _ => IsSame<ulong>(column, start, end),
    };

    static bool IsSame<T>(ColumnBlock column, int start, int end) where T : unmanaged, INumber<T>
    {
        var values = new ReadOnlySpan<T>((T*)column.Data + start, end - start);
        return values.IndexOfAnyExcept(values[0]) < 0;
    }

    static void WriteNulls(ColumnBlock column, int start, int end, LogBuffer to)
    {
        var length = (end - start + 7) / 8;
        var bits = to.Add(length);
        bits.Clear();
        for (var i = 0; i < end - start; i++)
            bits[i / 8] |= (byte)(column.IsNull(start + i) ? 0 : 1 << (i % 8));
    }

    // those of NULL are empty
    static void WriteTexts(BytesDescriptor* texts, int count, LogBuffer to)
    {
        for (var i = 0; i < count; i++)
            to.AddNumber((uint)BytesDescriptor.Read(texts + i).Length);
        for (var i = 0; i < count; i++)
            to.Add(BytesDescriptor.Read(texts + i));
    }

    static void WriteLists(ColumnBlock column, int start, int end, LogBuffer to)
    {
        var lists = (ListDescriptor*)column.Data;
        for (var row = start; row < end; row++)
            to.AddNumber((uint)lists[row].Length);
        for (var row = start; row < end; row++)
        {
            var (offset, length) = lists[row];
            if (column.Type.Kind == ColumnKind.NumberList)
            {
                var numbers = new ReadOnlySpan<int>((int*)column.Elements + offset, (int)length);
                foreach (var number in numbers)
                    to.AddNumber((uint)((number << 1) ^ (number >> 31)));
                continue;
            }
            var texts = (BytesDescriptor*)column.Elements + offset;
            for (var i = 0ul; i < length; i++)
            {
                var text = BytesDescriptor.Read(texts + i);
                to.AddNumber((uint)text.Length);
                to.Add(text);
            }
        }
    }

    static int[] ReadNumbers(ref LogReader from, int count)
    {
        var numbers = new int[count];
        foreach (ref var number in numbers.AsSpan())
            number = (int)from.TakeNumber();
        return numbers;
    }

    static void ReadList(ColumnBlock column, int row, int length, ref LogReader from)
    {
        // each element takes a byte or more, so that a wrong length takes no memory
        if ((uint)length > (uint)from.Left)
            throw new InvalidDataException($"A list of {length} elements was to follow in {from.Left} bytes.");
        column.BeginList(row, length);
        for (var i = 0; i < length; i++)
        {
            var number = from.TakeNumber();
            if (column.Type.Kind == ColumnKind.NumberList)
                column.AddElement((int)(number >> 1) ^ -(int)(number & 1));
            else
                column.AddElement(from.Take((int)number));
        }
    }

    static void SetScalar(ColumnBlock column, int row, ReadOnlySpan<byte> value)
    {
        switch (value.Length)
        {
            case 1: column.Set(row, value[0]); break;
            case 2: column.Set(row, MemoryMarshal.Read<ushort>(value)); break;
            case 4: column.Set(row, MemoryMarshal.Read<uint>(value)); break;
            default: column.Set(row, MemoryMarshal.Read<ulong>(value)); break;
        }
    }
}
