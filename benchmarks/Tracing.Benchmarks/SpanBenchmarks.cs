using System.Diagnostics;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Trace;
using Tracing.Instrumentation;
using Sampler = Tracing.Instrumentation.Sampler;
using Tracer = Tracing.Instrumentation.Tracer;

namespace Tracing.Benchmarks;

/// <summary>
/// What a span costs the thread that makes it: without tracing, as a bare Activity, with our library, and with
/// OpenTelemetry's SDK, both as it is and with the exporter that does what ours does, to the same sink. Between
/// iterations all catch up, so that no span is dropped while the clock runs. What it costs the process:
/// <see cref="SpanCosts"/>.
/// </summary>
[MemoryDiagnoser]
[Config(typeof(ShortIterations))]
[GroupBenchmarksBy(BenchmarkLogicalGroupRule.ByCategory)]
[CategoriesColumn]
public class SpanBenchmarks
{
    static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(2);

    static readonly ActivitySource Source = new("Benchmark");

    readonly ActivityContext _unsampled = new(
        ActivityTraceId.CreateRandom(), ActivitySpanId.CreateRandom(), ActivityTraceFlags.None, isRemote: true);

    // static, as a process has one of them at a time
    static ActivityListener? _bare;
    static Tracer? _ours;
    static TracerProvider? _openTelemetry;
    static Activity? _parent;

    [GlobalSetup(Targets = [nameof(BareRootAndChild), nameof(BareTags)])]
    public void SetUpBare() => _bare = Listen(ActivitySamplingResult.AllDataAndRecorded);

    [GlobalSetup(Target = nameof(BareUnsampledChild))]
    public void SetUpBareUnsampled() => Unsampled(() => _bare = Listen(ActivitySamplingResult.PropagationData));

    [GlobalSetup(Target = nameof(BareIgnoredChild))]
    public void SetUpBareIgnored() => Unsampled(() => _bare = Listen(ActivitySamplingResult.None));

    [GlobalSetup(Targets = [nameof(OurRootAndChild), nameof(OurTags)])]
    public void SetUpOurs() => _ours = Start(Sampler.Always, false);

    [GlobalSetup(Target = nameof(OurRootAndChildWithHistograms))]
    public void SetUpHistograms() => _ours = Start(Sampler.Always, true);

    [GlobalSetup(Targets = [nameof(OurUnsampledChild), nameof(OurSkippedChild)])]
    public void SetUpUnsampled() => Unsampled(() => _ours = Start(Sampler.Never, false));

    [GlobalSetup(Targets = [nameof(OurUnsampledChildWithHistograms), nameof(OurSkippedChildWithHistograms)])]
    public void SetUpUnsampledHistograms() => Unsampled(() => _ours = Start(Sampler.Never, true));

    [GlobalSetup(Targets = [nameof(OpenTelemetryRootAndChild), nameof(OpenTelemetryTags)])]
    public void SetUpOpenTelemetry() => _openTelemetry = Provider(new Nowhere());

    [GlobalSetup(Targets = [nameof(OpenTelemetryRootAndChildToSink), nameof(OpenTelemetryTagsToSink)])]
    public void SetUpOpenTelemetryToSink() => _openTelemetry = Provider(Exporter());

    [GlobalSetup(Target = nameof(OpenTelemetryUnsampledChild))]
    public void SetUpOpenTelemetryUnsampled() => Unsampled(() => _openTelemetry = Provider(new Nowhere()));

    [IterationSetup]
    public void CatchUp()
    {
        _openTelemetry?.ForceFlush();
        _ours?.FlushAsync().GetAwaiter().GetResult();
        // for all alike, as caches are cold after a pause
        Task.Delay(Pause).GetAwaiter().GetResult();
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        _parent?.Dispose();
        _bare?.Dispose();
        _ours?.Dispose();
        _openTelemetry?.Dispose();
        (_parent, _bare, _ours, _openTelemetry) = (null, null, null, null);
    }

    [Benchmark, BenchmarkCategory("root and child")]
    public void NoRootAndChild() => RootAndChild();

    [Benchmark(Baseline = true), BenchmarkCategory("root and child")]
    public void BareRootAndChild() => RootAndChild();

    [Benchmark, BenchmarkCategory("root and child")]
    public void OurRootAndChild() => RootAndChild();

    [Benchmark, BenchmarkCategory("root and child")]
    public void OurRootAndChildWithHistograms() => RootAndChild();

    [Benchmark, BenchmarkCategory("root and child")]
    public void OpenTelemetryRootAndChild() => RootAndChild();

    [Benchmark, BenchmarkCategory("root and child")]
    public void OpenTelemetryRootAndChildToSink() => RootAndChild();

    [Benchmark(Baseline = true), BenchmarkCategory("root with 3 tags")]
    public void BareTags() => Tags();

    [Benchmark, BenchmarkCategory("root with 3 tags")]
    public void OurTags() => Tags();

    [Benchmark, BenchmarkCategory("root with 3 tags")]
    public void OpenTelemetryTags() => Tags();

    [Benchmark, BenchmarkCategory("root with 3 tags")]
    public void OpenTelemetryTagsToSink() => Tags();

    /// <summary>The least for which the duration of a span can be had.</summary>
    [Benchmark(Baseline = true), BenchmarkCategory("unsampled child")]
    public void BareUnsampledChild() => Child();

    /// <summary>The least for a listener that wants nothing of a span but to be asked.</summary>
    [Benchmark, BenchmarkCategory("unsampled child")]
    public void BareIgnoredChild() => Child();

    [Benchmark, BenchmarkCategory("unsampled child")]
    public void OpenTelemetryUnsampledChild() => Child();

    [Benchmark, BenchmarkCategory("unsampled child")]
    public void OurUnsampledChild() => Child();

    [Benchmark, BenchmarkCategory("unsampled child")]
    public void OurUnsampledChildWithHistograms() => Child();

    [Benchmark, BenchmarkCategory("unsampled child")]
    public void OurSkippedChild() => SkippedChild();

    [Benchmark, BenchmarkCategory("unsampled child")]
    public void OurSkippedChildWithHistograms() => SkippedChild();

    static void RootAndChild()
    {
        using var root = Source.StartActivity("root", ActivityKind.Server);
        using var child = Source.StartActivity("child", ActivityKind.Client);
    }

    internal static void Tags()
    {
        using var root = Source.StartActivity("root", ActivityKind.Server);
        root?.SetTag("http.request.method", "GET").SetTag("http.route", "/cart/{id}").SetTag("url.scheme", "http");
    }

    static void Child()
    {
        using var child = Source.StartActivity("child", ActivityKind.Client);
    }

    static void SkippedChild()
    {
        using var child = Source.StartSpan("child", ActivityKind.Client);
    }

    /// <param name="result">For all spans, but the first within a request, which there has to be.</param>
    internal static ActivityListener Listen(ActivitySamplingResult result)
    {
        var listener = new ActivityListener
        {
            ShouldListenTo = _ => true,
            Sample = (ref ActivityCreationOptions<ActivityContext> creation) =>
                creation.Parent.IsRemote ? ActivitySamplingResult.PropagationData : result,
        };
        ActivitySource.AddActivityListener(listener);
        return listener;
    }

    internal static Tracer Start(Sampler sampler, bool histograms) => Tracer.Start(tracing =>
    {
        tracing.Endpoint = Sink.Address;
        tracing.Sampler = sampler;
        tracing.Histograms = histograms;
        tracing.StopTimeout = TimeSpan.Zero;
    });

    internal static OtlpTraceExporter Exporter() => new(new OtlpExporterOptions
    {
        Endpoint = new Uri(Sink.Address, "/v1/traces"),
        Protocol = OtlpExportProtocol.HttpProtobuf,
    });

    internal static TracerProvider Provider(BaseExporter<Activity> exporter) => Sdk.CreateTracerProviderBuilder()
        .AddSource(Source.Name)
        .SetSampler(new ParentBasedSampler(new AlwaysOnSampler()))
        .AddProcessor(new BatchActivityExportProcessor(exporter, maxQueueSize: 8192))
        .Build();

    /// <summary>Within a request whose caller has decided against recording.</summary>
    void Unsampled(Action start)
    {
        start();
        _parent = Source.StartActivity("request", ActivityKind.Server, _unsampled);
        Activity.Current = _parent;
    }

    sealed class Nowhere : BaseExporter<Activity>
    {
        public override ExportResult Export(in Batch<Activity> batch) => ExportResult.Success;
    }
}
