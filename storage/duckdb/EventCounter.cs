using System.Runtime.InteropServices;
using System.Text;
using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Counts keys and values of events and links. These are stored as they were encoded, so that each span that has any is
/// decoded here, of the newest partitions first, and not of more spans than a bound.
/// </summary>
static class EventCounter
{
    /// <summary>Spans whose events and links are decoded: some 0.2 s.</summary>
    const int MaxSpans = 50_000;

    /// <summary>Bounds the memory: texts that are counted, and bytes of them.</summary>
    const int MaxTexts = 50_000;
    const int MaxBytes = 16 << 20;

    /// <summary>The keys of each span counted once for each type.</summary>
    public static (List<KeyCount> Keys, bool IsComplete) CountKeys(
        MatchingSpans spans, KeyScope scope, string prefix)
    {
        // of no type: in how many spans the key is at all
        var counts = new Counts<(string Key, KeyType? Type)>(pair => pair.Key);
        var isComplete = Read(spans, scope, (attributes, weight) =>
        {
            var ofSpan = new HashSet<(string, KeyType?)>();
            foreach (var (key, value) in attributes)
            {
                if (!key.StartsWith(prefix, StringComparison.Ordinal))
                    continue;
                ofSpan.Add((key, KeyTypes.Of(value.Type)));
                ofSpan.Add((key, null));
            }
            return counts.Add(ofSpan, weight);
        });
        var keys = counts.All.Where(each => each.Key.Type is null).Select(each => new KeyCount(each.Key.Key, scope,
            [.. Enum.GetValues<KeyType>()
                .Where(type => counts.All.ContainsKey((each.Key.Key, type)))
                .Select(type => new TypeCount(type, counts.All[(each.Key.Key, type)]))], each.Value));
        return ([.. keys], isComplete);
    }

    /// <summary>The values of a key, those of each span once.</summary>
    public static (List<ValueCount> Values, bool IsComplete) CountValues(
        MatchingSpans spans, KeyScope scope, string key, string prefix)
    {
        var counts = new Counts<(string Text, KeyType Type)>(pair => pair.Text);
        var isComplete = Read(spans, scope, (attributes, weight) =>
        {
            var ofSpan = new HashSet<(string, KeyType)>();
            foreach (var (_, value) in attributes.Where(attribute => attribute.Key == key))
            {
                var text = ZipkinMapping.TagText(value);
                if (text.StartsWith(prefix, StringComparison.Ordinal))
                    ofSpan.Add((text, KeyTypes.Of(value.Type)));
            }
            return counts.Add(ofSpan, weight);
        });
        return ([.. counts.All.Select(each => new ValueCount(each.Key.Text, each.Key.Type, scope, each.Value))],
            isComplete);
    }

    /// <summary>Gives the attributes of all events or links of a span, until false is answered.</summary>
    static bool Read(MatchingSpans spans, KeyScope scope, Func<IEnumerable<KeyValue>, double, bool> add)
    {
        var left = MaxSpans;
        foreach (var partition in spans.Partitions.Reverse())
        {
            var parameters = new SqlParameters();
            using var command = parameters.Command(spans.Connection,
                $"SELECT rest, ({partition.Weight})::DOUBLE FROM {spans.Rows(parameters, partition)} " +
                $"AND rest IS NOT NULL LIMIT {left + 1}");
            command.UseStreamingMode = true;
            using var reader = command.ExecuteReader();
            var row = new RowReader(reader);
            while (row.Read())
            {
                spans.Cancellation.ThrowIfCancellationRequested();
                if (left-- == 0)
                    return false;
                var rest = OtlpProtobuf.DecodeRest(row.NextBlob()!);
                var attributes = scope == KeyScope.Event
                    ? rest.Events.SelectMany(each => each.Attributes)
                    : rest.Links.SelectMany(each => each.Attributes);
                if (!add(attributes, row.Next<double>()))
                    return false;
            }
        }
        return true;
    }

    /// <summary>Counts by text and something else, of little memory.</summary>
    sealed class Counts<T>(Func<T, string> textOf) where T : notnull
    {
        long _bytes;

        public Dictionary<T, double> All { get; } = [];

        /// <summary>False when no more can be counted.</summary>
        public bool Add(IEnumerable<T> ofSpan, double weight)
        {
            foreach (var one in ofSpan)
            {
                if (Encoding.UTF8.GetByteCount(textOf(one)) > KeyQuery.MaxTextBytes)
                    continue;
                ref var count = ref CollectionsMarshal.GetValueRefOrAddDefault(All, one, out var isKnown);
                count += weight;
                if (!isKnown)
                    _bytes += textOf(one).Length * sizeof(char);
            }
            return All.Count <= MaxTexts && _bytes <= MaxBytes;
        }
    }
}
