using System.Diagnostics;
using DuckDB.NET.Native;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// The values of one column in a block of rows, in the form of DuckDB's vectors, so that they are copied there as they
/// are. One thread adds rows; others may read those that they know are there meanwhile. Where all values are NULL there
/// is no memory.
/// </summary>
sealed unsafe class ColumnBlock(ColumnType type, Arena arena)
{
    /// <summary>Rows of a block, and of DuckDB's vectors.</summary>
    public const int Capacity = 2048;

    const int FirstElements = 512;

    // pointers, as other threads read them while they change
    nint _data;
    nint _validity;
    nint _elements;
    int _elementCount;
    int _elementCapacity;
    int _nextElement;

    public ColumnType Type => type;

    /// <summary>The values; null when all are NULL.</summary>
    public byte* Data => (byte*)Volatile.Read(ref _data);

    /// <summary>A bit for each row, 0 for NULL; null when no row that has memory is.</summary>
    public ulong* Validity => (ulong*)Volatile.Read(ref _validity);

    /// <summary>The elements of all lists.</summary>
    public byte* Elements => (byte*)Volatile.Read(ref _elements);

    public bool IsNull(int row) => Data == null || (Validity != null && (Validity[row >> 6] >> (row & 63) & 1) == 0);

    public void Set<T>(int row, T value) where T : unmanaged
    {
        Debug.Assert(sizeof(T) == type.Width, "value and column differ in size");
        ((T*)DataFor(row))[row] = value;
    }

    public void SetBytes(int row, ReadOnlySpan<byte> bytes) =>
        ((BytesDescriptor*)DataFor(row))[row] = BytesDescriptor.Of(bytes, arena);

    public void SetNull(int row)
    {
        if (_data == 0)
            return;
        var validity = Validity;
        if (validity == null)
            Volatile.Write(ref _validity, (nint)(validity = NewValidity()));
        validity[row >> 6] &= ~(1UL << (row & 63));
        // lists of rows that follow each other have elements that do
        if (type.Kind is ColumnKind.NumberList or ColumnKind.TextList)
            ((ListDescriptor*)_data)[row] = new ListDescriptor((ulong)_elementCount, 0);
        else if (type.Kind == ColumnKind.Bytes)
            ((BytesDescriptor*)_data)[row] = default;
    }

    /// <summary>Starts the list of a row; its elements must follow.</summary>
    public void BeginList(int row, int count)
    {
        ((ListDescriptor*)DataFor(row))[row] = new ListDescriptor((ulong)_elementCount, (ulong)count);
        _nextElement = _elementCount;
        _elementCount += count;
        if (_elementCount <= _elementCapacity)
            return;
        // who reads the old ones may go on
        var capacity = Math.Max(Math.Max(FirstElements, _elementCapacity * 2), _elementCount);
        var elements = arena.TakeZeroed(capacity * type.ElementWidth);
        new ReadOnlySpan<byte>((byte*)_elements, _nextElement * type.ElementWidth)
            .CopyTo(new Span<byte>(elements, capacity * type.ElementWidth));
        Volatile.Write(ref _elements, (nint)elements);
        _elementCapacity = capacity;
    }

    public void AddElement(int number) => ((int*)_elements)[_nextElement++] = number;

    public void AddElement(ReadOnlySpan<byte> text) =>
        ((BytesDescriptor*)_elements)[_nextElement++] = BytesDescriptor.Of(text, arena);

    /// <summary>Forgets the rows from one on, of a block whose memory goes on being used.</summary>
    public void Truncate(int row)
    {
        if (_data == 0)
            return;
        _elementCount = ElementsBefore(row);
        var validity = Validity;
        for (var i = row; validity != null && i < Capacity; i++)
            validity[i >> 6] |= 1UL << (i & 63);
        if (row == 0)
            Clear();
    }

    /// <summary>Forgets all, when the memory is given out again.</summary>
    public void Clear()
    {
        (_data, _validity, _elements) = (0, 0, 0);
        (_elementCount, _elementCapacity, _nextElement) = (0, 0, 0);
    }

    /// <summary>Elements of the lists of all rows before one.</summary>
    public int ElementsBefore(int row)
    {
        if (row == 0 || Data == null || type.Kind is not (ColumnKind.NumberList or ColumnKind.TextList))
            return 0;
        var last = ((ListDescriptor*)Data)[row - 1];
        return (int)(last.Offset + last.Length);
    }

    /// <summary>Copies the first rows to a vector of DuckDB, which must be new. Texts stay where they are.</summary>
    public void CopyTo(nint vector, int rows)
    {
        // in this order: where there are values, what says which are NULL is there too
        var data = Data;
        if (data == null)
        {
            new Span<byte>(WritableValidity(vector), Capacity / 8).Clear();
            if (type.Kind is ColumnKind.NumberList or ColumnKind.TextList)
                new Span<byte>(NativeMethods.Vectors.DuckDBVectorGetData(vector), rows * type.Width).Clear();
            return;
        }
        var length = rows * type.Width;
        new ReadOnlySpan<byte>(data, length)
            .CopyTo(new Span<byte>(NativeMethods.Vectors.DuckDBVectorGetData(vector), length));
        if (Validity is not null and var validity)
        {
            new ReadOnlySpan<byte>(validity, Capacity / 8)
                .CopyTo(new Span<byte>(WritableValidity(vector), Capacity / 8));
        }
        if (type.Kind is ColumnKind.NumberList or ColumnKind.TextList)
        {
            var count = ElementsBefore(rows);
            var elements = ReserveElements(vector, count);
            new ReadOnlySpan<byte>(Elements, count * type.ElementWidth)
                .CopyTo(new Span<byte>(elements, count * type.ElementWidth));
        }
    }

    public static ulong* WritableValidity(nint vector)
    {
        NativeMethods.Vectors.DuckDBVectorEnsureValidityWritable(vector);
        return NativeMethods.Vectors.DuckDBVectorGetValidity(vector);
    }

    /// <summary>Where the elements of a list vector go.</summary>
    public static byte* ReserveElements(nint vector, int count)
    {
        if (NativeMethods.Vectors.DuckDBListVectorReserve(vector, (ulong)count) != DuckDBState.Success)
            throw new IOException($"DuckDB has no memory for a list vector of {count} elements");
        NativeMethods.Vectors.DuckDBListVectorSetSize(vector, (ulong)count);
        return (byte*)NativeMethods.Vectors.DuckDBVectorGetData(NativeMethods.Vectors.DuckDBListVectorGetChild(vector));
    }

    /// <summary>The first value makes memory for all rows, of which those before it are NULL.</summary>
    byte* DataFor(int row)
    {
        if (_data != 0)
            return (byte*)_data;
        if (row > 0)
        {
            var validity = NewValidity();
            for (var i = 0; i < row; i++)
                validity[i >> 6] &= ~(1UL << (i & 63));
            Volatile.Write(ref _validity, (nint)validity);
        }
        Volatile.Write(ref _data, (nint)arena.TakeZeroed(Capacity * type.Width));
        return (byte*)_data;
    }

    ulong* NewValidity()
    {
        var validity = (ulong*)arena.TakeZeroed(Capacity / 8);
        new Span<byte>(validity, Capacity / 8).Fill(0xff);
        return validity;
    }
}
