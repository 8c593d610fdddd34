using BenchmarkDotNet.Running;
using Tracing.Benchmarks;

if (args is ["errors", .. var rest])
{
    HistogramErrors.Print(rest);
    return;
}
if (args is ["statistics"])
{
    await StatisticsQueries.PrintAsync();
    return;
}
BenchmarkSwitcher.FromAssembly(typeof(HistogramErrors).Assembly).Run(args);
