using DuckDB.NET.Native;

namespace Tracing.Storage.DuckDb;

/// <summary>One column of a chunk that is being filled: scalar, text, blob, list of text or of INTEGER.</summary>
sealed unsafe class ColumnVector(DuckDBType type)
{
    /// <summary>Rows of a chunk; fixed by DuckDB.</summary>
    public const int Capacity = 2048;

    nint _vector;
    ulong* _validity;

    // of a list: where its elements go, how many there are and have room
    nint _elements;
    void* _elementData;
    ulong _elementCount;
    ulong _elementCapacity;
    ulong _nextElement;

    bool IsList => type == DuckDBType.List;

    /// <summary>The values of the column, as many as <see cref="Capacity"/>.</summary>
    public void* Data { get; private set; }

    /// <summary>Bytes of a value in <see cref="Data"/>.</summary>
    public int Width => type switch
    {
        DuckDBType.Boolean or DuckDBType.UnsignedTinyInt => 1,
        DuckDBType.UnsignedSmallInt => 2,
        DuckDBType.Integer or DuckDBType.UnsignedInteger => 4,
        DuckDBType.BigInt or DuckDBType.UnsignedBigInt or DuckDBType.Double => 8,
        _ => 16,
    };

    /// <summary>Takes a vector without values.</summary>
    public void Attach(nint vector)
    {
        _vector = vector;
        _validity = null;
        Data = NativeMethods.Vectors.DuckDBVectorGetData(vector);
        if (!IsList)
            return;
        _elementCount = 0;
        _nextElement = 0;
        _elementCapacity = Capacity;
        AttachElements();
    }

    public void SetNull(int row)
    {
        if (_validity == null)
        {
            NativeMethods.Vectors.DuckDBVectorEnsureValidityWritable(_vector);
            _validity = NativeMethods.Vectors.DuckDBVectorGetValidity(_vector);
        }
        _validity[row >> 6] &= ~(1UL << (row & 63));
        if (IsList)
            ((DuckDBListEntry*)Data)[row] = new DuckDBListEntry(_elementCount, 0);
    }

    public void SetBytes(int row, ReadOnlySpan<byte> bytes) => Assign(_vector, (ulong)row, bytes);

    public void BeginList(int row, int count)
    {
        ((DuckDBListEntry*)Data)[row] = new DuckDBListEntry(_elementCount, (ulong)count);
        _nextElement = _elementCount;
        _elementCount += (ulong)count;
        if (_elementCount <= _elementCapacity)
            return;
        _elementCapacity = Math.Max(_elementCapacity * 2, _elementCount);
        if (NativeMethods.Vectors.DuckDBListVectorReserve(_vector, _elementCapacity) != DuckDBState.Success)
            throw new IOException($"DuckDB has no memory for a list vector of {_elementCapacity} elements");
        AttachElements();
    }

    public void AddElement(ReadOnlySpan<byte> bytes) => Assign(_elements, _nextElement++, bytes);

    /// <summary>Of a list of INTEGER.</summary>
    public void AddElement(int number) => ((int*)_elementData)[_nextElement++] = number;

    public void FinishLists()
    {
        if (IsList)
            NativeMethods.Vectors.DuckDBListVectorSetSize(_vector, _elementCount);
    }

    void AttachElements()
    {
        _elements = NativeMethods.Vectors.DuckDBListVectorGetChild(_vector);
        _elementData = NativeMethods.Vectors.DuckDBVectorGetData(_elements);
    }

    // "unsafe" leaves out DuckDB's check for valid UTF-8, which .NET's encoder gives anyway
    static void Assign(nint vector, ulong index, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
            NativeMethods.Vectors.DuckDBUnsafeVectorAssignStringElementLength(vector, index, start, bytes.Length);
    }
}
