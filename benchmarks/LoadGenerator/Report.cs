using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tracing.LoadGenerator;

/// <summary>The outcome, in words and as one line of JSON. What was not asked for is null.</summary>
sealed record Report
{
    static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    public required string Format { get; init; }

    public required long Acknowledged { get; init; }

    public required SortedDictionary<string, long> Refused { get; init; }

    public required long Retried { get; init; }

    public required int Requests { get; init; }

    public required long BytesSent { get; init; }

    public required double Seconds { get; init; }

    public double SpansPerSecond => Math.Round(Acknowledged / Seconds);

    public required double P50Millis { get; init; }

    public required double P99Millis { get; init; }

    public required double SlowestMillis { get; init; }

    /// <summary>CPU time of the generator itself while it sent, in seconds.</summary>
    public required double OwnCpuSeconds { get; init; }

    public double? ServerCpuSecondsPerMillionSpans { get; init; }

    public double? ServerPeakRssMebibytes { get; init; }

    public double? DiskBytesPerSpan { get; init; }

    public static Report Of(
        LoadOptions options, SendResult sent, double seconds, double ownCpuSeconds, Measured before, Measured after)
    {
        sent.LatenciesMillis.Sort();
        var spans = sent.Acknowledged > 0 ? sent.Acknowledged : double.NaN;
        return new Report
        {
            Format = options.Format + (options.Gzip ? "+gzip" : ""),
            Acknowledged = sent.Acknowledged,
            Refused = sent.Refused,
            Retried = sent.Retried,
            Requests = sent.LatenciesMillis.Count,
            BytesSent = sent.BytesSent,
            Seconds = Math.Round(seconds, 3),
            P50Millis = Quantile(sent.LatenciesMillis, 0.5),
            P99Millis = Quantile(sent.LatenciesMillis, 0.99),
            SlowestMillis = Quantile(sent.LatenciesMillis, 1),
            OwnCpuSeconds = Math.Round(ownCpuSeconds, 2),
            ServerCpuSecondsPerMillionSpans = Known((after.CpuSeconds - before.CpuSeconds) * 1e6 / spans),
            ServerPeakRssMebibytes = Known(after.PeakRssBytes / 1048576.0),
            DiskBytesPerSpan = Known((after.DiskBytes - before.DiskBytes) / spans),
        };
    }

    public string ToJson() => JsonSerializer.Serialize(this, Json);

    public IEnumerable<string> Lines()
    {
        yield return $"{Acknowledged:N0} spans acknowledged in {Seconds:N1} s: {SpansPerSecond:N0} spans/s";
        foreach (var (reason, spans) in Refused)
            yield return $"{spans:N0} spans refused, status {reason}";
        if (Retried > 0)
            yield return $"{Retried:N0} requests sent again";
        yield return $"{Requests:N0} requests, {BytesSent / 1048576.0:N0} MiB: half within {P50Millis} ms, " +
            $"99 % within {P99Millis} ms, the slowest {SlowestMillis} ms";
        yield return $"generator: {OwnCpuSeconds} CPU seconds";
        if (ServerCpuSecondsPerMillionSpans is { } cpu)
            yield return $"server: {cpu} CPU seconds per million spans";
        if (ServerPeakRssMebibytes is { } memory)
            yield return $"server: {memory} MiB of memory at most";
        if (DiskBytesPerSpan is { } disk)
            yield return $"server: {disk} bytes on disk per span";
    }

    static double? Known(double? value) => value is { } known && double.IsFinite(known) ? Math.Round(known, 2) : null;

    /// <summary>The smallest value that is not less than that share of all; 0 without values.</summary>
    static double Quantile(List<double> sorted, double share) => sorted.Count == 0
        ? 0 : Math.Round(sorted[Math.Max(0, (int)Math.Ceiling(share * sorted.Count) - 1)], 2);
}
