using BenchmarkDotNet.Running;
using Tracing.Benchmarks;

if (args is ["errors", .. var rest])
{
    HistogramErrors.Print(rest);
    return;
}
BenchmarkSwitcher.FromAssembly(typeof(HistogramErrors).Assembly).Run(args);
