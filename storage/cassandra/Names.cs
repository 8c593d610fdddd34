using System.Collections.Concurrent;
using Cassandra;
using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Storage.Cassandra;

/// <summary>Writes the names of spans, each once in a while only. For any thread.</summary>
sealed class Names(Tables tables, CassandraStoreOptions options)
{
    /// <summary>Longer ones are not listed, as nobody picks them; Cassandra's keys end at 64 KiB.</summary>
    public const int MaxLength = 4096;

    /// <summary>Names remembered as written; beyond it all are forgotten, and written again.</summary>
    const int MaxKnown = 200_000;

    /// <summary>Of these names; they take 64 MiB.</summary>
    const long MaxCharacters = 32 << 20;

    long _characters;

    readonly ConcurrentDictionary<(NameKind Kind, string Parent, string Name), long> _known = [];

    /// <summary>Statements for what is not written yet; see <see cref="Remember"/>.</summary>
    public List<(NameKind, string, string)> Of(IEnumerable<Span> spans)
    {
        var found = new HashSet<(NameKind, string, string)>();
        foreach (var span in spans)
        {
            var service = SeriesNames.Cut(ZipkinText.ToLower(span.ServiceName));
            if (service.Length > 0)
            {
                found.Add((NameKind.Service, "", service));
                found.Add((NameKind.Span, service, ZipkinText.ToLower(span.Name)));
                found.Add((NameKind.Remote, service, ZipkinMapping.RemoteServiceName(span)));
            }
            foreach (var key in options.AutocompleteKeys)
            {
                var at = Array.FindLastIndex(span.Attributes, attribute => attribute.Key == key);
                if (at >= 0)
                    found.Add((NameKind.TagValue, key, ZipkinMapping.TagText(span.Attributes[at].Value)));
            }
        }
        return [.. found.Where(name => name.Item2.Length <= MaxLength && name.Item3.Length is > 0 and <= MaxLength &&
            !IsKnown(name))];
    }

    public IEnumerable<BoundStatement> Statements(List<(NameKind, string, string)> names) =>
        names.Select(name => tables.InsertName(name.Item1, name.Item2, name.Item3));

    public void Remember(List<(NameKind, string, string)> names)
    {
        var characters = names.Sum(name => (long)name.Item2.Length + name.Item3.Length);
        if (_known.Count > MaxKnown || Interlocked.Add(ref _characters, characters) > MaxCharacters)
        {
            _known.Clear();
            Interlocked.Exchange(ref _characters, characters);
        }
        foreach (var name in names)
            _known[name] = TimeProvider.System.GetTimestamp();
    }

    // so that a name in use outlives its row's time to live
    bool IsKnown((NameKind, string, string) name) => _known.TryGetValue(name, out var written) &&
        TimeProvider.System.GetElapsedTime(written) < options.Retention / 4;
}
