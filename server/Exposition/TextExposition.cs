using System.Globalization;
using System.Text;

namespace Tracing.Server;

/// <summary>
/// OpenMetrics 1.0.0, or Prometheus' text format 0.0.4: the latter has no exemplars, no units and no end, and names
/// counters with _total throughout.
/// </summary>
sealed class TextExposition(bool isOpenMetrics)
{
    /// <summary>Characters after which what is written goes out.</summary>
    const int Chunk = 32 * 1024;

    readonly StringBuilder _text = new();

    public async Task WriteAsync(
        Stream output, IEnumerable<MetricFamily> families, CancellationToken cancellationToken)
    {
        foreach (var family in families)
        {
            WriteHead(family);
            foreach (var sample in family.Samples)
            {
                WriteSample(family, sample);
                if (_text.Length >= Chunk)
                    await FlushAsync(output, cancellationToken);
            }
        }
        if (isOpenMetrics)
            _text.Append("# EOF\n");
        await FlushAsync(output, cancellationToken);
    }

    async Task FlushAsync(Stream output, CancellationToken cancellationToken)
    {
        await output.WriteAsync(Encoding.UTF8.GetBytes(_text.ToString()), cancellationToken);
        _text.Clear();
    }

    void WriteHead(MetricFamily family)
    {
        var name = family.Kind == FamilyKind.Counter && !isOpenMetrics ? family.Name + "_total" : family.Name;
        var kind = family.Kind switch
        {
            FamilyKind.Counter => "counter",
            FamilyKind.Gauge => "gauge",
            FamilyKind.Summary => "summary",
            _ => "histogram",
        };
        _text.Append(CultureInfo.InvariantCulture, $"# TYPE {name} {kind}\n");
        if (isOpenMetrics && family.Unit.Length > 0)
            _text.Append(CultureInfo.InvariantCulture, $"# UNIT {name} {family.Unit}\n");
        _text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {family.Help}\n");
    }

    void WriteSample(MetricFamily family, MetricSample sample)
    {
        if (family.Kind == FamilyKind.Histogram)
        {
            WriteHistogram(family.Name, sample);
        }
        else if (family.Kind == FamilyKind.Summary)
        {
            Line(family.Name, "_count", sample.Labels, null, sample.Count);
            Line(family.Name, "_sum", sample.Labels, null, sample.Value);
        }
        else
        {
            Line(family.Name, family.Kind == FamilyKind.Counter ? "_total" : "", sample.Labels, null, sample.Value);
        }
    }

    void WriteHistogram(string name, MetricSample sample)
    {
        var latencies = sample.Latencies!;
        foreach (var bucket in latencies.ClassicBuckets())
        {
            Line(name, "_bucket", sample.Labels, Number(bucket.UpperBound), bucket.Count, bucket.Exemplar);
        }
        Line(name, "_count", sample.Labels, null, latencies.Count);
        Line(name, "_sum", sample.Labels, null, latencies.Sum);
    }

    void Line(string name, string suffix, (string Name, string Value)[] labels, string? upperBound, double value,
        Exemplar? exemplar = null)
    {
        _text.Append(name).Append(suffix).Append('{');
        var separator = "";
        foreach (var (label, content) in labels)
        {
            _text.Append(separator).Append(label).Append("=\"");
            AppendEscaped(content);
            _text.Append('"');
            separator = ",";
        }
        if (upperBound is not null)
            _text.Append(separator).Append("le=\"").Append(upperBound).Append('"');
        _text.Append("} ").Append(Number(value));
        if (isOpenMetrics && exemplar is { } example)
        {
            _text.Append(CultureInfo.InvariantCulture,
                $" # {{trace_id=\"{example.TraceId}\"}} {Number(example.Value)} {example.Trace.UnixSeconds}");
        }
        _text.Append('\n');
    }

    void AppendEscaped(string text)
    {
        foreach (var each in text)
        {
            switch (each)
            {
                case '\\': _text.Append("\\\\"); break;
                case '"': _text.Append("\\\""); break;
                case '\n': _text.Append("\\n"); break;
                default: _text.Append(each); break;
            }
        }
    }

    static string Number(double value) =>
        double.IsPositiveInfinity(value) ? "+Inf" : value.ToString("R", CultureInfo.InvariantCulture);
}
