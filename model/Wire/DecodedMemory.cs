namespace Tracing.Model.Wire;

/// <summary>
/// What the decoded spans of one request take in memory, by estimate: a few bytes of a body can become a hundred times
/// as many. Reserved in steps from what all requests share.
/// </summary>
/// <param name="maxBytes">Of one request; what goes beyond it is rejected.</param>
/// <param name="reserve">Takes bytes from the shared budget, or throws when there are too few.</param>
/// <param name="giveBack">Gives back to it what was taken, at the end.</param>
public sealed class DecodedMemory(long maxBytes, Action<long> reserve, Action<long> giveBack) : IDisposable
{
    /// <summary>Of a span without anything in it.</summary>
    public const int Span = 240;

    /// <summary>Of an event or a link without attributes.</summary>
    public const int Event = 96;

    /// <summary>Of a key and its value, which may point to more.</summary>
    public const int Attribute = 24;

    /// <summary>Of an element of an array.</summary>
    public const int Value = 16;

    /// <summary>Of any object, beside its content.</summary>
    public const int Object = 24;

    // what a request may have without asking, less than its connection costs; and by how much it asks for more
    const int Free = 64 << 10;
    const int Step = 1 << 20;

    long _used;

    /// <summary>The largest that one request may have.</summary>
    public long MaxBytes { get; } = Math.Max(maxBytes, Free);

    /// <summary>What was taken from the shared budget.</summary>
    public long Reserved { get; private set; }

    /// <summary>What is in use, as a mark to go back to.</summary>
    public long Mark => _used;

    /// <summary>Whether so many bytes more are within the bound; only then do they count.</summary>
    public bool TryTake(long bytes)
    {
        if (_used + bytes > MaxBytes)
            return false;
        var missing = _used + bytes - Free - Reserved;
        if (missing > 0)
        {
            var more = Math.Min((missing + Step - 1) / Step * Step, MaxBytes - Free - Reserved);
            reserve(more);
            Reserved += more;
        }
        _used += bytes;
        return true;
    }

    /// <summary>What was taken since the mark is not needed any more.</summary>
    public void ReturnTo(long mark) => _used = mark;

    public void Dispose()
    {
        giveBack(Reserved);
        Reserved = 0;
    }
}
