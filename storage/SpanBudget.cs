namespace Tracing.Storage;

/// <summary>Bounds how many spans wait to be written; for many threads at once.</summary>
sealed class SpanBudget(int max)
{
    long _waiting;

    public long Waiting => Interlocked.Read(ref _waiting);

    /// <summary>False when so many more may not wait; what is larger than the bound may wait alone.</summary>
    public bool TryTake(int spans)
    {
        while (true)
        {
            var waiting = Waiting;
            if (waiting > 0 && waiting + spans > max)
                return false;
            if (Interlocked.CompareExchange(ref _waiting, waiting + spans, waiting) == waiting)
                return true;
        }
    }

    public void GiveBack(int spans) => Interlocked.Add(ref _waiting, -spans);
}
