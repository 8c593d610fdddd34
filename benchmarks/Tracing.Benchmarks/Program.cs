using System.Globalization;
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
if (args is ["spans", .. var count])
{
    SpanCosts.Print(count is [var rounds] ? int.Parse(rounds, CultureInfo.InvariantCulture) : 20);
    return;
}
BenchmarkSwitcher.FromAssembly(typeof(HistogramErrors).Assembly).Run(args);
