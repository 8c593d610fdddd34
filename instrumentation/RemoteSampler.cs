using System.Text.Json;

namespace Tracing.Instrumentation;

/// <summary>Samples as a server says ("Jaeger: Remote Sampling"), which is asked again and again.</summary>
sealed class RemoteSampler(Uri? server, double initialProbability, TimeProvider time) : Sampler
{
    static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    /// <summary>Longest answer that is read, in bytes: thousands of operations.</summary>
    const int MaxAnswerBytes = 1 << 20;

    volatile Sampler _current = Probability(initialProbability);
    string _lastAnswer = "";

    internal override bool IsPerOperation => _current.IsPerOperation;

    internal override Threshold ThresholdOf(string operation) => _current.ThresholdOf(operation);

    internal override void Start(TracingOptions options, CancellationToken stop)
    {
        var address = ReportTarget.Below(
            server ?? options.Endpoint, "/sampling?service=" + Uri.EscapeDataString(options.ServiceName), "/v1/traces");
        using (ExecutionContext.SuppressFlow())
            _ = RunAsync(address, stop);
    }

    async Task RunAsync(Uri address, CancellationToken stop)
    {
        using var client = UntracedHttp.Client();
        client.MaxResponseContentBufferSize = MaxAnswerBytes;
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            do
                await AskAsync(client, address, stop).ConfigureAwait(false);
            while (await timer.WaitForNextTickAsync(stop).ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            // stopped
        }
    }

    async Task AskAsync(HttpClient client, Uri address, CancellationToken stop)
    {
        try
        {
            Use(await client.GetStringAsync(address, stop).ConfigureAwait(false));
        }
        catch (Exception e) when (e is HttpRequestException or JsonException or
            TaskCanceledException { InnerException: TimeoutException })
        {
            // the last strategy stays until there is another one
        }
    }

    /// <exception cref="JsonException">It is no strategy.</exception>
    internal void Use(string answer)
    {
        // a new sampler would forget the loads that the old one has seen
        if (answer == _lastAnswer)
            return;
        _current = Read(answer);
        _lastAnswer = answer;
    }

    Sampler Read(string answer)
    {
        using var document = JsonDocument.Parse(answer);
        var root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object)
            throw new JsonException("A sampling strategy is an object.");
        // the kind is not asked: strategies of operations come as probabilistic ones
        if (root.TryGetProperty("operationSampling", out var all) && all.ValueKind == JsonValueKind.Object)
        {
            return new OperationSampler(new Strategy(
                Number(all, "defaultSamplingProbability", 1),
                Number(all, "defaultLowerBoundTracesPerSecond", double.MaxValue), Operations(all)),
                time);
        }
        if (root.TryGetProperty("rateLimitingSampling", out var limit) && limit.ValueKind == JsonValueKind.Object)
        {
            var tracesPerSecond = Number(limit, "maxTracesPerSecond", double.MaxValue);
            return tracesPerSecond == 0 ? Never : new ServiceSampler(new OperationSampler(
                new Strategy(0, tracesPerSecond, []), time));
        }
        if (root.TryGetProperty("probabilisticSampling", out var share) && share.ValueKind == JsonValueKind.Object)
            return Probability(Number(share, "samplingRate", 1));
        throw new JsonException("A sampling strategy is probabilistic, rate limiting or by operation.");
    }

    static Dictionary<string, double> Operations(JsonElement all)
    {
        var operations = new Dictionary<string, double>();
        if (!all.TryGetProperty("perOperationStrategies", out var list) || list.ValueKind != JsonValueKind.Array)
            return operations;
        foreach (var each in list.EnumerateArray())
        {
            if (each.TryGetProperty("operation", out var name) && name.ValueKind == JsonValueKind.String &&
                each.TryGetProperty("probabilisticSampling", out var share) && share.ValueKind == JsonValueKind.Object)
                operations[name.GetString() ?? ""] = Number(share, "samplingRate", 1);
        }
        return operations;
    }

    /// <summary>A number of 0 or more; what is left out is 0 in this protocol, but not what is null.</summary>
    static double Number(JsonElement of, string key, double most)
    {
        if (!of.TryGetProperty(key, out var number) || number.ValueKind == JsonValueKind.Null)
            return 0;
        if (number.ValueKind != JsonValueKind.Number || !(number.GetDouble() >= 0))
            throw new JsonException($"{key} is {number}; it must be a number of 0 or more.");
        return Math.Min(most, number.GetDouble());
    }

    /// <summary>One limit for all operations together.</summary>
    sealed class ServiceSampler(OperationSampler sampler) : Sampler
    {
        internal override Threshold ThresholdOf(string operation) => sampler.ThresholdOf("");
    }
}
