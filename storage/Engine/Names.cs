using System.Collections.Concurrent;
using System.Text;
using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Storage.Tables;

namespace Tracing.Storage.Engine;

/// <summary>What kind of names rows have; the numbers are stored.</summary>
enum NameKind : byte
{
    Service = 0,
    Span = 1,
    Remote = 2,
    TagValue = 3,
}

/// <summary>The names of spans, each written once in a while only. For any thread.</summary>
sealed class Names(ITables tables, EngineOptions options)
{
    /// <summary>Longer ones are not listed, as nobody picks them; keys end at 64 KiB.</summary>
    public const int MaxLength = 4096;

    /// <summary>Names remembered as written; beyond it all are forgotten, and written again.</summary>
    const int MaxKnown = 200_000;

    /// <summary>Of these names; they take 64 MiB.</summary>
    const long MaxCharacters = 32 << 20;

    long _characters;

    readonly ConcurrentDictionary<(NameKind Kind, string Parent, string Name), long> _known = [];

    /// <summary>What is not written yet; see <see cref="Remember"/>.</summary>
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

    public IEnumerable<Row> RowsOf(List<(NameKind Kind, string Parent, string Name)> names) => names.Select(
        name => new Row(Table.Names, Keys.OfKind((byte)name.Kind, name.Parent), Encoding.UTF8.GetBytes(name.Name), [],
            options.Retention));

    public async Task<IReadOnlyList<string>> ReadAsync(NameKind kind, string parent, CancellationToken cancellation)
    {
        if (parent.Length > MaxLength)
            return [];
        var rows = await tables.ScanAsync(
            Table.Names, Keys.OfKind((byte)kind, parent), Keys.Empty, null, cancellation: cancellation);
        var names = rows.ConvertAll(row => Encoding.UTF8.GetString(row.Key));
        // they come in the order of UTF-8
        names.Sort(StringComparer.Ordinal);
        return names;
    }

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
