using System.Diagnostics.CodeAnalysis;

namespace Tracing.Storage.Engine;

/// <summary>
/// Things in memory up to so many bytes; those not asked for longest go first. What was asked for a moment ago stays
/// all the same, and what is new does not: else searches that go through more than there is room for, one after the
/// other, would never find anything. For any thread.
/// </summary>
sealed class LeastRecentlyUsed<TKey, T>(long maxBytes) where TKey : notnull
{
    static readonly TimeSpan _moment = TimeSpan.FromSeconds(10);

    readonly Lock _lock = new();
    readonly Dictionary<TKey, LinkedListNode<Entry>> _byKey = [];

    // the one used last comes first
    readonly LinkedList<Entry> _inOrder = [];
    long _bytes;

    public bool TryGet(TKey key, [MaybeNullWhen(false)] out T item)
    {
        lock (_lock)
        {
            if (!_byKey.TryGetValue(key, out var node))
            {
                item = default;
                return false;
            }
            _inOrder.Remove(node);
            _inOrder.AddFirst(node);
            node.ValueRef.Used = TimeProvider.System.GetTimestamp();
            item = node.Value.Item;
            return true;
        }
    }

    /// <summary>Keeps the one that is there, if there is one.</summary>
    public void Add(TKey key, T item, int bytes)
    {
        lock (_lock)
        {
            if (_byKey.ContainsKey(key))
                return;
            while (_bytes + bytes > maxBytes && _inOrder.Last is { Value: var last })
            {
                if (TimeProvider.System.GetElapsedTime(last.Used) < _moment)
                    return;
                _inOrder.RemoveLast();
                _byKey.Remove(last.Key);
                _bytes -= last.Bytes;
            }
            _byKey.Add(key, _inOrder.AddFirst(new Entry(key, item, bytes, TimeProvider.System.GetTimestamp())));
            _bytes += bytes;
        }
    }

    record struct Entry(TKey Key, T Item, int Bytes, long Used);
}
