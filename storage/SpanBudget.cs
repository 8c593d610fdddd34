namespace Tracing.Storage;

/// <summary>Bounds how many spans, and bytes of them, wait to be written; for many threads at once.</summary>
sealed class SpanBudget(int maxSpans)
{
    /// <summary>As much as their bodies may take while they are decoded; as objects they take more.</summary>
    public const long MaxBytes = 256 << 20;

    readonly Lock _lock = new();
    long _spans;
    long _bytes;

    public long Waiting
    {
        get
        {
            lock (_lock)
                return _spans;
        }
    }

    /// <summary>False when so much more may not wait; what is larger than a bound may wait alone.</summary>
    public bool TryTake(int spans, long bytes)
    {
        lock (_lock)
        {
            if (_spans > 0 && (_spans + spans > maxSpans || _bytes + bytes > MaxBytes))
                return false;
            _spans += spans;
            _bytes += bytes;
            return true;
        }
    }

    public void GiveBack(int spans, long bytes)
    {
        lock (_lock)
        {
            _spans -= spans;
            _bytes -= bytes;
        }
    }
}
