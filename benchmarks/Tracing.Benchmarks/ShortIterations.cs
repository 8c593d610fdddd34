using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace Tracing.Benchmarks;

/// <summary>
/// All in one process and within a minute or two, in many iterations that take less than a time slice: so the least
/// time is that of an undisturbed one, also where others use the machine.
/// </summary>
sealed class ShortIterations : ManualConfig
{
    /// <summary>Two spans each, which our ring and OpenTelemetry's queue hold.</summary>
    const int Invocations = 1536;

    public ShortIterations()
    {
        AddJob(Job.Default.WithToolchain(InProcessEmitToolchain.Instance).WithWarmupCount(1000)
            .WithIterationCount(300).WithInvocationCount(Invocations).WithUnrollFactor(16));
        AddColumn(StatisticColumn.Min, StatisticColumn.Median);
    }
}
