namespace Tracing.Storage.Blocks;

/// <summary>
/// Numbers of a dictionary, in planes of bytes as they are stored: they take no more memory than they need, and those
/// of up to 256 values are read as bytes.
/// </summary>
sealed class CodeColumn
{
    readonly ReadOnlyMemory<byte> _planes;
    readonly int _width;

    /// <param name="planes">Empty where all are 0, or, where there are as many as values, 0, 1, 2 and so on.</param>
    /// <param name="limit">Which all are below.</param>
    public CodeColumn(ReadOnlyMemory<byte> planes, int count, int limit)
    {
        Length = count;
        _planes = planes;
        if (planes.Length == 0)
        {
            IsIdentity = limit == count;
            if (!IsIdentity && count > 0 && limit != 1)
                throw Damaged($"no numbers for {count} values of {limit}");
            return;
        }
        _width = count == 0 ? 0 : planes.Length / count;
        if (_width is 0 or > 4 || _width * count != planes.Length)
            throw Damaged($"{planes.Length} bytes for {count} numbers");
        for (var i = 0; i < count; i++)
        {
            if ((uint)this[i] >= (uint)limit)
                throw Damaged($"number {this[i]} of a dictionary of {limit}");
        }
    }

    public int Length { get; }

    /// <summary>Each value comes once, in the order of the dictionary.</summary>
    public bool IsIdentity { get; }

    public int this[int i]
    {
        get
        {
            var planes = _planes.Span;
            return _width switch
            {
                1 => planes[i],
                2 => planes[i] | (planes[i + Length] << 8),
                0 => IsIdentity ? i : 0,
                3 => planes[i] | (planes[i + Length] << 8) | (planes[i + (2 * Length)] << 16),
                _ => planes[i] | (planes[i + Length] << 8) | (planes[i + (2 * Length)] << 16) |
                    (planes[i + (3 * Length)] << 24),
            };
        }
    }

    /// <summary>How often each number comes.</summary>
    public int[] Count(int limit) => Count(limit, 0, Length);

    /// <summary>How often each number comes within a part of the column.</summary>
    /// <param name="to">Excluded.</param>
    public int[] Count(int limit, int from, int to)
    {
        var counts = new int[limit];
        if (_width == 1)
        {
            foreach (var code in _planes.Span[from..to])
                counts[code]++;
            return counts;
        }
        for (var i = from; i < to; i++)
            counts[this[i]]++;
        return counts;
    }

    public void CopyTo(Span<int> numbers)
    {
        for (var i = 0; i < Length; i++)
            numbers[i] = this[i];
    }

    static InvalidDataException Damaged(string what) => new($"The block is damaged: {what}.");
}
