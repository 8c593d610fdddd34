namespace Tracing.Storage.DuckDb;

/// <summary>
/// A list that one thread adds to, while others read what they know is there. Nothing is ever removed.
/// </summary>
sealed class SharedList<T>
{
    T[] _items = [];
    int _count;

    public int Count => Volatile.Read(ref _count);

    public T this[int index] => Volatile.Read(ref _items)[index];

    public static SharedList<T> Of(IEnumerable<T> items)
    {
        T[] all = [.. items];
        return new SharedList<T> { _items = all, _count = all.Length };
    }

    public void Add(T item) => Set(_count, item);

    /// <summary>Sets an item at the end or beyond it; those between are default.</summary>
    public void Set(int index, T item)
    {
        var items = _items;
        if (index >= items.Length)
            Array.Resize(ref items, Math.Max(4, Math.Max(items.Length * 2, index + 1)));
        items[index] = item;
        Volatile.Write(ref _items, items);
        Volatile.Write(ref _count, Math.Max(_count, index + 1));
    }

    public IEnumerable<T> All()
    {
        var count = Count;
        for (var i = 0; i < count; i++)
            yield return this[i];
    }
}
