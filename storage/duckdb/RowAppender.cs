using System.Diagnostics;
using System.Text;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Takes rows value by value, in the order of the table's columns. Where they go is told by who derives from it. Not
/// thread-safe.
/// </summary>
abstract class RowAppender
{
    byte[] _utf8 = new byte[4096];
    ColumnBlock[] _columns = [];
    int _column;

    /// <summary>Rows in the block at hand.</summary>
    protected int Rows { get; private set; }

    /// <summary>Appends a number or bool; its size must be that of the column's type.</summary>
    public void Append<T>(T value) where T : unmanaged => _columns[_column++].Set(Rows, value);

    public void AppendNull() => _columns[_column++].SetNull(Rows);

    /// <summary>Any text; lone surrogates become U+FFFD, as UTF-8 has none.</summary>
    public void Append(string text) => Append(Utf8(text));

    public void Append(ReadOnlySpan<byte> bytes) => _columns[_column++].SetBytes(Rows, bytes);

    /// <summary>Starts a list of so many elements, which must follow.</summary>
    public void BeginList(int count) => _columns[_column++].BeginList(Rows, count);

    /// <summary>Appends an element to the list begun last.</summary>
    public void AppendElement(string text) => _columns[_column - 1].AddElement(Utf8(text));

    /// <summary>Appends an element to the list of INTEGER begun last.</summary>
    public void AppendElement(int number) => _columns[_column - 1].AddElement(number);

    public void EndRow()
    {
        Debug.Assert(_column == _columns.Length, "a row has a value for every column");
        _column = 0;
        Advance(1);
    }

    /// <summary>Hands over all rows to the transaction at hand.</summary>
    public abstract void Flush();

    /// <summary>Forgets all rows that are not committed, a half-made one too.</summary>
    public abstract void Discard();

    /// <summary>Whether the block at hand should take no more, though there is room for rows.</summary>
    protected virtual bool HasMuch => false;

    /// <summary>The block at hand has no room for another row, or <see cref="HasMuch"/>.</summary>
    protected abstract void OnFull();

    /// <summary>So many rows more are in the block.</summary>
    protected void Advance(int rows)
    {
        Rows += rows;
        if (Rows == ColumnBlock.Capacity || HasMuch)
            OnFull();
    }

    /// <summary>Goes on in a block.</summary>
    /// <param name="rows">That are there already.</param>
    protected void Use(RowBlock block, int rows)
    {
        _columns = block.Columns;
        _column = 0;
        Rows = rows;
    }

    /// <summary>The text in UTF-8; valid until the next call.</summary>
    ReadOnlySpan<byte> Utf8(string text)
    {
        var max = Encoding.UTF8.GetMaxByteCount(text.Length);
        if (_utf8.Length < max)
            _utf8 = new byte[max];
        return _utf8.AsSpan(0, Encoding.UTF8.GetBytes(text, _utf8));
    }
}
