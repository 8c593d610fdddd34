using System.Runtime.InteropServices;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Memory for the values of a block of rows, given back all at once. Outside of the garbage-collected heap, as DuckDB
/// reads it where it lies.
/// </summary>
sealed unsafe class Arena : IDisposable
{
    const int FirstChunk = 16 * 1024;
    const int LargestChunk = 256 * 1024;
    const nuint Alignment = 16;

    readonly List<(nint Start, nuint Length)> _chunks = [];
    byte* _next;
    nuint _left;
    int _used;

    // in case nobody has given it back
    ~Arena() => Dispose();

    /// <summary>Bytes taken from the system.</summary>
    public long Bytes { get; private set; }

    /// <summary>Bytes given out since the last <see cref="Reset"/>.</summary>
    public long Used { get; private set; }

    /// <summary>Memory full of zeros, aligned for any value.</summary>
    public byte* TakeZeroed(int length)
    {
        var start = Take((nuint)length);
        NativeMemory.Clear(start, (nuint)length);
        return start;
    }

    public byte* Copy(ReadOnlySpan<byte> bytes)
    {
        var start = Take((nuint)bytes.Length);
        bytes.CopyTo(new Span<byte>(start, bytes.Length));
        return start;
    }

    /// <summary>All that was taken may be given out again.</summary>
    public void Reset()
    {
        _used = 0;
        _left = 0;
        Used = 0;
    }

    public void Dispose()
    {
        foreach (var (start, _) in _chunks)
            NativeMemory.Free((void*)start);
        _chunks.Clear();
        Reset();
        Bytes = 0;
        GC.SuppressFinalize(this);
    }

    byte* Take(nuint length)
    {
        length = (length + Alignment - 1) & ~(Alignment - 1);
        if (length > _left)
            TakeChunk(length);
        var start = _next;
        _next += length;
        _left -= length;
        Used += (long)length;
        return start;
    }

    void TakeChunk(nuint length)
    {
        // after a reset those that there are come first
        while (_used < _chunks.Count)
        {
            var (start, size) = _chunks[_used++];
            if (size < length)
                continue;
            _next = (byte*)start;
            _left = size;
            return;
        }
        var wanted = (nuint)Math.Min(LargestChunk, FirstChunk << Math.Min(_chunks.Count, 8));
        var taken = Math.Max(wanted, length);
        _next = (byte*)NativeMemory.Alloc(taken);
        _left = taken;
        _chunks.Add(((nint)_next, taken));
        _used = _chunks.Count;
        Bytes += (long)taken;
    }
}
