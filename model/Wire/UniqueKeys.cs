namespace Tracing.Model.Wire;

/// <summary>Lists of attributes in which each key stands once, as the model has them.</summary>
static class UniqueKeys
{
    // from here on a table is cheaper than to compare each with each
    const int Many = 24;

    /// <summary>Each key once: with its last value, in the place of its first.</summary>
    public static KeyValue[] Of(ReadOnlySpan<KeyValue> attributes)
    {
        if (attributes.Length >= Many)
            return OfMany(attributes);
        // one bit for each of 64 kinds of keys: only a key of a kind that was there needs to be compared
        var kinds = 0UL;
        for (var i = 0; i < attributes.Length; i++)
        {
            var kind = 1UL << Kind(attributes[i].Key);
            if ((kinds & kind) != 0 && Contains(attributes[..i], attributes[i].Key))
                return OfMany(attributes);
            kinds |= kind;
        }
        return attributes.ToArray();
    }

    /// <summary>Each key once, with its last value, sorted by key in UTF-16 order.</summary>
    public static KeyValue[] Sorted(ReadOnlySpan<KeyValue> attributes)
    {
        // as most senders sort them
        if (IsSorted(attributes))
            return attributes.ToArray();
        var unique = Of(attributes);
        Array.Sort(unique, static (one, other) => string.CompareOrdinal(one.Key, other.Key));
        return unique;
    }

    static bool IsSorted(ReadOnlySpan<KeyValue> attributes)
    {
        for (var i = 1; i < attributes.Length; i++)
        {
            if (string.CompareOrdinal(attributes[i - 1].Key, attributes[i].Key) >= 0)
                return false;
        }
        return true;
    }

    // names differ in their length and towards their end; the shift counts modulo 64
    static int Kind(string key) => key.Length == 0 ? 0 : key.Length * 7 + key[^1] * 5 + key[key.Length / 2];

    static bool Contains(ReadOnlySpan<KeyValue> attributes, string key)
    {
        foreach (ref readonly var attribute in attributes)
        {
            if (attribute.Key == key)
                return true;
        }
        return false;
    }

    static KeyValue[] OfMany(ReadOnlySpan<KeyValue> attributes)
    {
        var places = new Dictionary<string, int>(attributes.Length);
        var unique = new List<KeyValue>(attributes.Length);
        foreach (var attribute in attributes)
        {
            if (places.TryAdd(attribute.Key, unique.Count))
                unique.Add(attribute);
            else
                unique[places[attribute.Key]] = attribute;
        }
        return [.. unique];
    }
}
