using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Tracing.Model;

namespace Tracing.LoadGenerator;

/// <summary>
/// Times searches, one after the other on one connection, for what the same seed has sent before; each in turn for some
/// rounds, after some that are not timed. Time is from the request's first byte to the answer's last. CPU time of the
/// server, where its process is named, varies less on a machine that others use; all that it does meanwhile is in it.
/// </summary>
static class SearchRun
{
    const string SearchPath = "/api/tracing/search?limit=20";

    /// <summary>Rounds before those that are timed: .NET compiles well what was called 30 times.</summary>
    const int WarmUpRounds = 30;

    public static async Task<int> RunAsync(LoadOptions options, Vocabulary vocabulary)
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = options.Url };
        var searches = Searches(options, vocabulary).Where(search => options.Without.Length == 0 ||
            !search.Name.Contains(options.Without, StringComparison.OrdinalIgnoreCase)).ToList();
        foreach (var (_, paths) in searches)
        {
            // from the end, so that other traces are asked for by id than are timed
            for (var round = 1; round <= WarmUpRounds; round++)
                await AskAsync(client, paths[^(((round - 1) % paths.Length) + 1)]);
        }
        Console.WriteLine($"{"",-34} {"found",6} {"p50 ms",8} {"slowest",8} {"CPU ms",8}");
        foreach (var (name, paths) in searches)
        {
            var times = new List<double>();
            var found = 0;
            var cpuBefore = Measured.Now(options).CpuSeconds;
            for (var round = 0; round < options.SearchRounds; round++)
            {
                var watch = Stopwatch.StartNew();
                var body = await AskAsync(client, paths[round % paths.Length]);
                times.Add(watch.Elapsed.TotalMilliseconds);
                found = CountOf(body);
            }
            times.Sort();
            var cpu = (Measured.Now(options).CpuSeconds - cpuBefore) * 1000 / options.SearchRounds;
            Console.WriteLine($"{name,-34} {found,6} {times[times.Count / 2],8:N1} {times[^1],8:N1} {cpu,8:N1}");
        }
        return 0;
    }

    static async Task<byte[]> AskAsync(HttpClient client, string path)
    {
        using var response = await client.GetAsync(new Uri(path, UriKind.Relative));
        if (!response.IsSuccessStatusCode)
            throw new HttpRequestException($"{(int)response.StatusCode} for {path}");
        return await response.Content.ReadAsByteArrayAsync();
    }

    /// <summary>Traces of a search; services and the like of a trace.</summary>
    static int CountOf(byte[] body)
    {
        using var answer = JsonDocument.Parse(body);
        var root = answer.RootElement;
        if (root.ValueKind == JsonValueKind.Array)
            return root.GetArrayLength();
        return root.EnumerateObject().First(each => each.Value.ValueKind == JsonValueKind.Array).Value.GetArrayLength();
    }

    static IEnumerable<(string Name, string[] Paths)> Searches(LoadOptions options, Vocabulary vocabulary)
    {
        var operation = vocabulary.Routes[0].Steps[2].Operation;
        var service = $"resource.service.name = \"{Vocabulary.Services[operation.Service]}\"";
        var tags = operation.Attributes.Take(2).Select(each => Condition(vocabulary.Attributes[each.First])).ToArray();
        var slowMicros = SlowMicros(options, vocabulary);
        var slow = $"duration > {slowMicros}us";
        var window = Window(options);

        yield return ("trace by id", [.. TraceIds(options, vocabulary).Select(id => $"/api/tracing/traces/{id}")]);
        yield return Search("newest", "");
        yield return Search("service", service);
        yield return Search("operation", $"{service} && name = \"{operation.Name}\"");
        yield return Search("rare tag", Condition(Vocabulary.Rare));
        yield return Search("two common tags", $"{tags[0]} && {tags[1]}");
        yield return Search("error", "status = error");
        yield return Search("error of a service", $"{service} && status = error");
        yield return Search("slow", slow);
        yield return Search("slow and tag", $"{slow} && {tags[0]}");
        yield return Search("nothing", "span.nobody = \"has it\"");
        yield return Search("service, slowest first", service, "slowest");
        yield return Search("error, most spans first", "status = error", "mostSpans");
        var lookback = $"endTs={options.EndMillis + 3_600_000}&lookback={7 * 86_400_000L}&limit=10";
        var serviceName = Vocabulary.Services[operation.Service];
        yield return ("Zipkin: service", [$"/api/v2/traces?serviceName={serviceName}&{lookback}"]);
        yield return ("Zipkin: rare tag", ["/api/v2/traces?annotationQuery=" +
            $"{Uri.EscapeDataString($"{Vocabulary.Rare.Key}={Vocabulary.Rare.Value.AsString()}")}&{lookback}"]);
        yield return ("Zipkin: service, slow", [
            $"/api/v2/traces?serviceName={serviceName}&minDuration={slowMicros}&{lookback}"]);
        yield return ("Zipkin: dependencies", [$"/api/v2/dependencies?{lookback}"]);
        // ends a second before the last traces, and begins at another time each round
        yield return ("Zipkin: dependencies of a part", [.. Enumerable.Range(1, 100).Select(second =>
            $"/api/v2/dependencies?endTs={options.EndMillis - 1000}&lookback={(second * 100) + 500}")]);

        (string, string[]) Search(string name, string condition, string order = "newest") =>
            (name, [$"{SearchPath}&q={Uri.EscapeDataString($"{{ {condition} }}")}&order={order}&{window}"]);
    }

    static string Condition(KeyValue attribute) => attribute.Value.AsString() is { } text
        ? $"span.{attribute.Key} = \"{text}\""
        : $"span.{attribute.Key} = {attribute.Value}";

    static string Window(LoadOptions options) => string.Create(CultureInfo.InvariantCulture,
        $"start={(options.EndMillis / 1000) - (7 * 86_400)}&end={(options.EndMillis / 1000) + 3600}");

    /// <summary>Microseconds that one span in two thousand exceeds.</summary>
    static long SlowMicros(LoadOptions options, Vocabulary vocabulary)
    {
        const int Sampled = 10_000;
        const int SlowOneIn = 2000;
        var workload = new Workload(vocabulary, options.Instances, options.Seed);
        var durations = new List<long>();
        for (var i = 0; i < Sampled; i++)
        {
            workload.DrawTrace(0);
            durations.AddRange(workload.Spans.Select(span => span.DurationMicros));
        }
        durations.Sort();
        return durations[^(durations.Count / SlowOneIn)];
    }

    /// <summary>Of some traces all over what was sent.</summary>
    static IEnumerable<TraceId> TraceIds(LoadOptions options, Vocabulary vocabulary)
    {
        const int Asked = 100;
        var workload = new Workload(vocabulary, options.Instances, options.Seed);
        var every = Math.Max(1, options.Traces / Asked);
        for (var i = 0; i < options.Traces; i++)
        {
            workload.DrawTrace(0);
            if (i % every == 0)
                yield return workload.TraceId;
        }
    }
}
