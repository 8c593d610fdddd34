using System.Runtime.CompilerServices;
using DuckDB.NET.Native;

namespace Tracing.Storage.DuckDb;

/// <summary>What a column holds: its width in memory, and what its elements are if it is a list.</summary>
enum ColumnKind
{
    Scalar,

    /// <summary>Text or blob.</summary>
    Bytes,
    NumberList,
    TextList,
}

/// <summary>The type of a column.</summary>
/// <param name="Width">Bytes of a value: of a scalar 1 to 8, of others that of DuckDB's descriptor.</param>
readonly record struct ColumnType(ColumnKind Kind, int Width)
{
    const int DescriptorWidth = 16;

    public static ColumnType Of(DuckDBLogicalType type)
    {
        var id = NativeMethods.LogicalType.DuckDBGetTypeId(type);
        if (id == DuckDBType.List)
        {
            using var child = NativeMethods.LogicalType.DuckDBListTypeChildType(type);
            return NativeMethods.LogicalType.DuckDBGetTypeId(child) == DuckDBType.Integer
                ? new ColumnType(ColumnKind.NumberList, DescriptorWidth)
                : new ColumnType(ColumnKind.TextList, DescriptorWidth);
        }
        return id switch
        {
            DuckDBType.Boolean or DuckDBType.UnsignedTinyInt => new ColumnType(ColumnKind.Scalar, 1),
            DuckDBType.UnsignedSmallInt => new ColumnType(ColumnKind.Scalar, 2),
            DuckDBType.Integer or DuckDBType.UnsignedInteger => new ColumnType(ColumnKind.Scalar, 4),
            DuckDBType.BigInt or DuckDBType.UnsignedBigInt or DuckDBType.Double => new ColumnType(ColumnKind.Scalar, 8),
            DuckDBType.Varchar or DuckDBType.Blob => new ColumnType(ColumnKind.Bytes, DescriptorWidth),
            _ => throw new NotSupportedException($"No column has the type {id}."),
        };
    }

    /// <summary>Bytes of an element of a list.</summary>
    public int ElementWidth => Kind == ColumnKind.NumberList ? sizeof(int) : DescriptorWidth;
}

/// <summary>
/// DuckDB's descriptor of a text or blob, its <c>duckdb_string_t</c>: the length, then up to 12 bytes; of a longer one
/// the first 4 and where all of them are.
/// </summary>
readonly unsafe struct BytesDescriptor
{
    const int MaxInline = 12;

    readonly int _length;
    readonly int _prefix;
    readonly byte* _start;

    BytesDescriptor(int length, int prefix, byte* start)
    {
        _length = length;
        _prefix = prefix;
        _start = start;
    }

    public static BytesDescriptor Of(ReadOnlySpan<byte> bytes, Arena arena)
    {
        BytesDescriptor descriptor = default;
        if (bytes.Length <= MaxInline)
        {
            *(int*)&descriptor = bytes.Length;
            bytes.CopyTo(new Span<byte>((byte*)&descriptor + sizeof(int), MaxInline));
            return descriptor;
        }
        return new BytesDescriptor(
            bytes.Length, Unsafe.ReadUnaligned<int>(in bytes[0]), arena.Copy(bytes));
    }

    /// <summary>The bytes of a descriptor, valid while it stays where it is.</summary>
    public static ReadOnlySpan<byte> Read(BytesDescriptor* descriptor)
    {
        var length = descriptor->_length;
        return length <= MaxInline
            ? new ReadOnlySpan<byte>((byte*)descriptor + sizeof(int), length)
            : new ReadOnlySpan<byte>(descriptor->_start, length);
    }
}

/// <summary>Where the elements of a list are among those of its block: DuckDB's descriptor of a list.</summary>
readonly record struct ListDescriptor(ulong Offset, ulong Length);
