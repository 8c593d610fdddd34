using System.Numerics;

namespace Tracing.Storage.Blocks;

/// <summary>Some of the rows of a block: a bit for each row.</summary>
sealed class RowSet
{
    readonly ulong[] _words;

    RowSet(int rows)
    {
        Rows = rows;
        _words = new ulong[(rows + 63) / 64];
    }

    /// <summary>Of the block, not of the set.</summary>
    public int Rows { get; }

    public bool IsEmpty => !_words.AsSpan().ContainsAnyExcept(0UL);

    public bool this[int row] => (_words[row >> 6] & (1UL << row)) != 0;

    public static RowSet None(int rows) => new(rows);

    public static RowSet All(int rows)
    {
        var all = new RowSet(rows);
        Array.Fill(all._words, ulong.MaxValue);
        all.TrimEnd();
        return all;
    }

    /// <summary>The rows whose number of a dictionary fits.</summary>
    /// <param name="codes">Of all rows.</param>
    public static RowSet Where(CodeColumn codes, bool[] fits)
    {
        if (Array.TrueForAll(fits, each => each))
            return All(codes.Length);
        var rows = new RowSet(codes.Length);
        if (!Array.Exists(fits, each => each))
            return rows;
        for (var row = 0; row < codes.Length; row++)
        {
            if (fits[codes[row]])
                rows.Add(row);
        }
        return rows;
    }

    /// <summary>The rows that fit, of so many.</summary>
    public static RowSet Where(int count, Predicate<int> fits)
    {
        var rows = new RowSet(count);
        for (var row = 0; row < count; row++)
        {
            if (fits(row))
                rows.Add(row);
        }
        return rows;
    }

    public void Add(int row) => _words[row >> 6] |= 1UL << row;

    public void Remove(int row) => _words[row >> 6] &= ~(1UL << row);

    /// <param name="to">Excluded.</param>
    public void AddRange(int from, int to)
    {
        for (var row = from; row < to; row++)
            Add(row);
    }

    public void IntersectWith(RowSet other)
    {
        for (var i = 0; i < _words.Length; i++)
            _words[i] &= other._words[i];
    }

    public void UnionWith(RowSet other)
    {
        for (var i = 0; i < _words.Length; i++)
            _words[i] |= other._words[i];
    }

    public void ExceptWith(RowSet other)
    {
        for (var i = 0; i < _words.Length; i++)
            _words[i] &= ~other._words[i];
    }

    public RowSet Complement()
    {
        var others = All(Rows);
        others.ExceptWith(this);
        return others;
    }

    public int Count()
    {
        var count = 0;
        foreach (var word in _words)
            count += BitOperations.PopCount(word);
        return count;
    }

    /// <summary>The first row of the set from one on; -1 when there is none.</summary>
    public int Next(int row)
    {
        if (row >= Rows)
            return -1;
        var at = row >> 6;
        var word = _words[at] & (ulong.MaxValue << row);
        while (word == 0)
        {
            if (++at == _words.Length)
                return -1;
            word = _words[at];
        }
        return (at << 6) + BitOperations.TrailingZeroCount(word);
    }

    /// <summary>The rows, in their order.</summary>
    public Enumerator GetEnumerator() => new(this);

    void TrimEnd()
    {
        if ((Rows & 63) != 0)
            _words[^1] = (1UL << Rows) - 1;
    }

    public struct Enumerator(RowSet rows)
    {
        public int Current { get; private set; } = -1;

        public bool MoveNext()
        {
            Current = rows.Next(Current + 1);
            return Current >= 0;
        }
    }
}
