using System.Globalization;
using System.Text.RegularExpressions;
using Xunit;

namespace Tracing.Tests;

/// <summary>
/// Reads OpenMetrics 1.0.0 text and fails at anything that its grammar or its rules for types do not allow. Of the
/// types it knows counter, gauge, summary and histogram.
/// </summary>
static partial class OpenMetrics
{
    public sealed record Sample(
        string Name, IReadOnlyDictionary<string, string> Labels, double Value, string? Exemplar, double ExemplarValue);

    public sealed record Family(string Name, string Type, string Unit, List<Sample> Samples);

    public static Dictionary<string, Family> Parse(string text)
    {
        Assert.EndsWith("# EOF\n", text, StringComparison.Ordinal);
        var families = new Dictionary<string, Family>();
        Family? family = null;
        var lines = text.Split('\n');
        for (var i = 0; i < lines.Length - 2; i++)
        {
            if (lines[i].StartsWith("# TYPE ", StringComparison.Ordinal))
            {
                var parts = lines[i].Split(' ');
                Assert.Matches("^[a-zA-Z_:][a-zA-Z0-9_:]*$", parts[2]);
                Assert.Contains(parts[3], new[] { "counter", "gauge", "summary", "histogram" });
                var unit = "";
                if (lines[i + 1].StartsWith("# UNIT ", StringComparison.Ordinal))
                {
                    unit = lines[++i].Split(' ')[3];
                    Assert.EndsWith("_" + unit, parts[2], StringComparison.Ordinal);
                }
                Assert.StartsWith($"# HELP {parts[2]} ", lines[++i], StringComparison.Ordinal);
                family = new Family(parts[2], parts[3], unit, []);
                // each family once, so that no samples stand apart
                families.Add(parts[2], family);
                continue;
            }
            Assert.NotNull(family);
            family.Samples.Add(ParseSample(lines[i], family));
        }
        foreach (var each in families.Values)
            Check(each);
        return families;
    }

    static Sample ParseSample(string line, Family family)
    {
        var match = Line().Match(line);
        Assert.True(match.Success, $"no sample: {line}");
        var name = match.Groups["name"].Value;
        var suffixes = family.Type switch
        {
            "counter" => ["_total"],
            "gauge" => [""],
            "summary" => new[] { "_count", "_sum" },
            _ => ["_bucket", "_count", "_sum"],
        };
        Assert.Contains(name, suffixes.Select(suffix => family.Name + suffix));
        var labels = new Dictionary<string, string>();
        foreach (Match label in Label().Matches(match.Groups["labels"].Value))
            labels.Add(label.Groups["key"].Value, Unescape(label.Groups["value"].Value));
        Assert.Equal(labels.Count > 0, match.Groups["labels"].Length > 0);
        var exemplar = match.Groups["exemplar"];
        if (exemplar.Success)
        {
            Assert.EndsWith("_bucket", name, StringComparison.Ordinal);
            Assert.Matches("^trace_id=\"[0-9a-f]{32}\"$", exemplar.Value);
        }
        return new Sample(name, labels, Number(match.Groups["value"].Value),
            exemplar.Success ? $"{exemplar.Value["trace_id=\"".Length..^1]} {match.Groups["time"].Value}" : null,
            exemplar.Success ? Number(match.Groups["at"].Value) : double.NaN);
    }

    static void Check(Family family)
    {
        var seen = new HashSet<string>();
        foreach (var sample in family.Samples)
            Assert.True(seen.Add(sample.Name + Key(sample, withBound: true)), $"twice: {sample}");
        if (family.Type == "counter")
            Assert.All(family.Samples, sample => Assert.True(sample.Value >= 0));
        if (family.Type != "histogram")
            return;
        // the samples of a metric follow one another
        var groups = family.Samples.GroupBy(sample => Key(sample, withBound: false)).ToList();
        Assert.Equal(family.Samples, groups.SelectMany(group => group));
        foreach (var group in groups)
            CheckHistogram([.. group], family.Name);
    }

    static void CheckHistogram(List<Sample> samples, string name)
    {
        var buckets = samples.FindAll(sample => sample.Name == name + "_bucket");
        var bounds = buckets.ConvertAll(bucket => Number(bucket.Labels["le"]));
        Assert.Equal(bounds.Order().Distinct(), bounds);
        Assert.Equal(buckets.Select(bucket => bucket.Value).Order(), buckets.Select(bucket => bucket.Value));
        Assert.Equal(double.PositiveInfinity, bounds[^1]);
        Assert.Equal("+Inf", buckets[^1].Labels["le"]);
        Assert.Equal(buckets[^1].Value, Assert.Single(samples, sample => sample.Name == name + "_count").Value);
        Assert.True(Assert.Single(samples, sample => sample.Name == name + "_sum").Value >= 0);
        for (var i = 0; i < buckets.Count; i++)
        {
            if (buckets[i].Exemplar is null)
                continue;
            Assert.InRange(buckets[i].ExemplarValue, i == 0 ? 0 : bounds[i - 1], bounds[i]);
            Assert.True(buckets[i].Value > (i == 0 ? 0 : buckets[i - 1].Value), "an exemplar in an empty bucket");
        }
    }

    static string Key(Sample sample, bool withBound) => string.Join(
        ',', sample.Labels.Where(label => withBound || label.Key != "le")
            .Select(label => $"{label.Key}={label.Value}"));

    static double Number(string text) =>
        text == "+Inf" ? double.PositiveInfinity : double.Parse(text, CultureInfo.InvariantCulture);

    static string Unescape(string text) => Escape().Replace(text, match => match.Value switch
    {
        @"\n" => "\n",
        @"\\" => "\\",
        _ => "\"",
    });

    const string LabelPattern = """(?<key>[a-zA-Z_][a-zA-Z0-9_]*)="(?<value>(?:[^"\\\n]|\\["\\n])*)" """;

    [GeneratedRegex("""
        ^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
        (\{(?<labels>([a-zA-Z_][a-zA-Z0-9_]*="([^"\\]|\\["\\n])*"(,(?!\}))?)*)\})?
        \ (?<value>\+Inf|-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?)
        (\ \#\ \{(?<exemplar>[^}]*)\}\ (?<at>[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?)\ (?<time>[0-9]+))?$
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.ExplicitCapture)]
    private static partial Regex Line();

    [GeneratedRegex(LabelPattern, RegexOptions.IgnorePatternWhitespace | RegexOptions.ExplicitCapture)]
    private static partial Regex Label();

    [GeneratedRegex(@"\\[n\\""]")]
    private static partial Regex Escape();
}
