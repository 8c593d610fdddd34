using System.Runtime.CompilerServices;
using System.Text;
using DuckDB.NET.Data;

namespace Tracing.Storage.DuckDb;

/// <summary>The columns of a row from left to right.</summary>
interface IRow
{
    /// <summary>A number or bool that is not NULL.</summary>
    T Next<T>();

    T? NextOrNull<T>() where T : struct;

    string? NextText();

    List<int>? NextNumbers();

    List<string>? NextTexts();

    byte[]? NextBlob();

    /// <summary>Passes by a text that is for searches only, which SQL does not even select.</summary>
    void SkipSearchText();

    /// <summary>The same of a list of texts.</summary>
    void SkipSearchTexts();
}

/// <summary>The rows of a result.</summary>
sealed class RowReader(DuckDBDataReader reader) : IRow
{
    int _column;

    public bool Read()
    {
        _column = 0;
        return reader.Read();
    }

    public T Next<T>() => reader.GetFieldValue<T>(_column++);

    public T? NextOrNull<T>() where T : struct
    {
        var column = _column++;
        return reader.IsDBNull(column) ? null : reader.GetFieldValue<T>(column);
    }

    public string? NextText()
    {
        var column = _column++;
        return reader.IsDBNull(column) ? null : reader.GetString(column);
    }

    public List<int>? NextNumbers() => NextList<int>();

    public List<string>? NextTexts() => NextList<string>();

    public byte[]? NextBlob()
    {
        var column = _column++;
        if (reader.IsDBNull(column))
            return null;
        using var stream = reader.GetStream(column);
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    public void SkipSearchText()
    {
    }

    public void SkipSearchTexts()
    {
    }

    List<T>? NextList<T>()
    {
        var column = _column++;
        return reader.IsDBNull(column) ? null : reader.GetFieldValue<List<T>>(column);
    }
}

/// <summary>A row of <see cref="RecentRows"/>.</summary>
sealed class MemoryRow(byte[] bytes, int position) : IRow
{
    int _position = position;

    public T Next<T>() => NextScalar<T>(NextNumber());

    public T? NextOrNull<T>() where T : struct => NextNumber() is var size and > 0 ? NextScalar<T>(size) : null;

    public string? NextText() => NextNumber() is var size and > 0 ? NextText((int)size - 1) : null;

    public List<int>? NextNumbers()
    {
        if (NextNumber() is not (var count and > 0))
            return null;
        var numbers = new List<int>((int)count - 1);
        for (var i = 1u; i < count; i++)
        {
            var folded = (uint)NextNumber();
            numbers.Add((int)(folded >> 1) ^ -(int)(folded & 1));
        }
        return numbers;
    }

    public List<string>? NextTexts()
    {
        if (NextNumber() is not (var count and > 0))
            return null;
        var texts = new List<string>((int)count - 1);
        for (var i = 1u; i < count; i++)
            texts.Add(NextText((int)NextNumber()));
        return texts;
    }

    public byte[]? NextBlob()
    {
        if (NextNumber() is not (var size and > 0))
            return null;
        _position += (int)size - 1;
        return bytes[(_position - (int)size + 1).._position];
    }

    public void SkipSearchText() => Skip(Math.Max(0, (int)NextNumber() - 1));

    public void SkipSearchTexts()
    {
        for (var count = NextNumber(); count > 1; count--)
            Skip((int)NextNumber());
    }

    void Skip(int length) => _position += length;

    T NextScalar<T>(ulong size)
    {
        if (RuntimeHelpers.IsReferenceOrContainsReferences<T>() || size == 0)
            throw new InvalidOperationException("The column is NULL or no scalar.");
        var bits = 0ul;
        for (var i = 0; i < (int)size - 1; i++)
            bits |= (ulong)bytes[_position++] << (8 * i);
        return Unsafe.As<ulong, T>(ref bits);
    }

    string NextText(int length)
    {
        _position += length;
        return Encoding.UTF8.GetString(bytes, _position - length, length);
    }

    ulong NextNumber()
    {
        var number = 0ul;
        for (var shift = 0; ; shift += 7)
        {
            var next = bytes[_position++];
            number |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
                return number;
        }
    }
}
