using System.Buffers.Binary;
using System.Numerics;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Rows of an append partition in memory as well, found by trace: there they lie in the order stored, so that DuckDB
/// would scan all of them for the few of a trace. Holds the rows from <see cref="First"/> to before <see
/// cref="End"/>; others, from before a start or beyond the bound, are read by SQL. One thread adds, any thread reads
/// what is published.
/// </summary>
/// <remarks>
/// The form of a value, in the order of the table's columns: a varint, 0 for NULL, else one more than what it counts;
/// then the bytes of a text or blob, those of a scalar up to its last that is not zero, or the elements of a list: an
/// INTEGER as varint with its sign in the lowest bit, a text as its length and its bytes.
/// </remarks>
sealed class RecentRows
{
    /// <summary>Bytes of all rows; some 150 a span.</summary>
    const long MaxBytes = 128 << 20;
    const int BlockBytes = 1 << 20;

    readonly SharedList<byte[]> _blocks = new();
    // of each row: its block and where it begins there, and the row of the same trace before it, or -1
    readonly SharedList<long> _places = new();
    readonly SharedList<int> _previous = new();
    readonly List<ulong> _added = [];

    // index of the last row of a trace by the low half of its id
    readonly Dictionary<ulong, int> _last = [];
    readonly Lock _lock = new();
    byte[] _row = new byte[1024];
    int _length;
    int _used = BlockBytes;
    bool _isFull;
    long _end;

    /// <param name="first">Number of the row that is added first.</param>
    public RecentRows(long first)
    {
        First = first;
        _end = first;
    }

    /// <summary>The first row that is here.</summary>
    public long First { get; }

    /// <summary>The row after the last that is here and published.</summary>
    public long End => Volatile.Read(ref _end);

    public void AddNull() => AddNumber(0);

    /// <param name="bits">The value, those beyond its size zero.</param>
    public void AddScalar(ulong bits)
    {
        var length = (64 - BitOperations.LeadingZeroCount(bits) + 7) / 8;
        Reserve(9);
        _row[_length++] = (byte)(length + 1);
        BinaryPrimitives.WriteUInt64LittleEndian(_row.AsSpan(_length), bits);
        _length += length;
    }

    public void AddBytes(ReadOnlySpan<byte> bytes)
    {
        AddNumber((ulong)bytes.Length + 1);
        AddRaw(bytes);
    }

    public void BeginList(int count) => AddNumber((ulong)count + 1);

    public void AddElement(ReadOnlySpan<byte> text)
    {
        AddNumber((ulong)text.Length);
        AddRaw(text);
    }

    public void AddElement(int number) => AddNumber((uint)((number << 1) ^ (number >> 31)));

    /// <summary>Ends a row, of a trace by the low half of its id.</summary>
    public void EndRow(ulong traceLow)
    {
        // rows without a gap: once one did not fit, none does
        _isFull |= (long)_blocks.Count * BlockBytes + _length > MaxBytes;
        if (!_isFull)
        {
            if (_used + _length > BlockBytes)
            {
                _blocks.Add(new byte[Math.Max(BlockBytes, _length)]);
                _used = 0;
            }
            var block = _blocks.Count - 1;
            _row.AsSpan(0, _length).CopyTo(_blocks[block].AsSpan(_used));
            _places.Set(Published + _added.Count, ((long)block << 32) | (uint)_used);
            _added.Add(traceLow);
            _used += _length;
        }
        _length = 0;
    }

    /// <summary>The rows added are committed.</summary>
    public void Publish()
    {
        lock (_lock)
        {
            foreach (var traceLow in _added)
            {
                var index = Published;
                _previous.Set(index, _last.TryGetValue(traceLow, out var previous) ? previous : -1);
                _last[traceLow] = index;
                Volatile.Write(ref _end, _end + 1);
            }
        }
        _added.Clear();
    }

    /// <summary>The rows added will not be committed; DuckDB gives their numbers to those that come next.</summary>
    public void Discard()
    {
        _added.Clear();
        _length = 0;
    }

    /// <summary>The rows of traces, by their numbers in the table, the first first.</summary>
    public List<long> RowsOf(IEnumerable<ulong> traceLows)
    {
        var rows = new List<long>();
        lock (_lock)
        {
            foreach (var traceLow in traceLows)
            {
                var index = _last.GetValueOrDefault(traceLow, -1);
                for (; index >= 0; index = _previous[index])
                    rows.Add(First + index);
            }
        }
        rows.Sort();
        return rows;
    }

    /// <summary>To read a row that <see cref="RowsOf"/> has named.</summary>
    public IRow Read(long row)
    {
        var place = _places[(int)(row - First)];
        return new MemoryRow(_blocks[(int)(place >> 32)], (int)place);
    }

    int Published => (int)(_end - First);

    void AddNumber(ulong number)
    {
        Reserve(10);
        for (; number >= 0x80; number >>= 7)
            _row[_length++] = (byte)(number | 0x80);
        _row[_length++] = (byte)number;
    }

    void AddRaw(ReadOnlySpan<byte> bytes)
    {
        Reserve(bytes.Length);
        bytes.CopyTo(_row.AsSpan(_length));
        _length += bytes.Length;
    }

    void Reserve(int bytes)
    {
        if (_length + bytes > _row.Length)
            Array.Resize(ref _row, Math.Max(_row.Length * 2, _length + bytes));
    }
}
