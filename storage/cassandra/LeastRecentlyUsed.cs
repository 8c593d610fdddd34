using System.Diagnostics.CodeAnalysis;

namespace Tracing.Storage.Cassandra;

/// <summary>Things in memory up to so many bytes; those not asked for longest go first. For any thread.</summary>
sealed class LeastRecentlyUsed<TKey, T>(long maxBytes) where TKey : notnull
{
    readonly Lock _lock = new();
    readonly Dictionary<TKey, LinkedListNode<(TKey Key, T Item, int Bytes)>> _byKey = [];

    // the one used last comes first
    readonly LinkedList<(TKey Key, T Item, int Bytes)> _inOrder = [];
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
            _byKey.Add(key, _inOrder.AddFirst((key, item, bytes)));
            _bytes += bytes;
            while (_bytes > maxBytes && _inOrder.Count > 1)
            {
                var last = _inOrder.Last!.Value;
                _inOrder.RemoveLast();
                _byKey.Remove(last.Key);
                _bytes -= last.Bytes;
            }
        }
    }
}
