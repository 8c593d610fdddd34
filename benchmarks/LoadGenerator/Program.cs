using System.Diagnostics;

namespace Tracing.LoadGenerator;

static class Program
{
    static async Task<int> Main(string[] arguments)
    {
        if (LoadOptions.Parse(arguments, out var error) is not { } options)
            return Refuse(error);
        var vocabulary = new Vocabulary(options.Seed);
        if (BodyFormat.Create(options.Format, vocabulary, options.Instances) is not { } format)
            return Refuse($"--format {options.Format} is unknown");

        if (options.SearchRounds > 0)
            return await SearchRun.RunAsync(options, vocabulary);
        var bodies = new BodySource(options, vocabulary, format);
        var watch = Stopwatch.StartNew();
        bodies.Prepare((long)options.PrepareMebibytes << 20);
        Console.WriteLine($"prepared {bodies.PreparedCount:N0} bodies of {bodies.PreparedBytes / 1048576.0:N0} MiB " +
            $"in {watch.Elapsed.TotalSeconds:N1} s");

        if (options.Layer != "server")
            return await Layers.RunAsync(options, bodies);
        using var sender = new Sender(options, format, bodies);
        await sender.WarmUpAsync();
        var before = Measured.Now(options);
        var cpuBefore = Environment.CpuUsage.TotalTime;
        watch.Restart();
        var sent = await sender.SendAllAsync();
        var seconds = watch.Elapsed.TotalSeconds;
        var ownCpu = Environment.CpuUsage.TotalTime - cpuBefore;
        await Task.Delay(options.Settle);

        var report = Report.Of(options, sent, seconds, ownCpu.TotalSeconds, before, Measured.Now(options));
        foreach (var line in report.Lines())
            Console.WriteLine(line);
        Console.WriteLine(report.ToJson());
        return sent.Refused.Count == 0 ? 0 : 1;
    }

    static int Refuse(string reason)
    {
        Console.Error.WriteLine(reason);
        Console.Error.WriteLine(LoadOptions.Usage);
        return 2;
    }
}
