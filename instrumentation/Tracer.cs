using System.Diagnostics;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Tracing.Model;

namespace Tracing.Instrumentation;

/// <summary>
/// Traces this process: samples, reports and propagates the spans that ASP.NET Core, HttpClient, gRPC, database drivers
/// and its own code make as <see cref="Activity"/>. In a host, <c>AddTracing</c> starts and stops it; elsewhere
/// <see cref="Start"/> and <see cref="DisposeAsync"/> do. One at a time, as ASP.NET Core and HttpClient ask one for
/// all.
/// </summary>
public sealed class Tracer : IAsyncDisposable, IDisposable
{
    const string HttpClientSource = "System.Net.Http";

    readonly Sampler _sampler;
    readonly SpanReporter _reporter;
    readonly CancellationTokenSource _stop = new();
    readonly RequestOutcomes _outcomes = new();
    readonly ActivityListener _listener;
    readonly DistributedContextPropagator _propagatorBefore;
    readonly DistributedContextPropagator _propagator;

    // of a span that is not sampled, where the context must go on, and where nobody asks
    readonly ActivitySamplingResult _unsampledFirst, _unsampledChild;
    readonly bool _reportsUnsampled;
    readonly TimeProvider _time;
    Task? _stopped;

    static volatile Tracer? _skipping;

    /// <param name="time">Of all but activities. Default: the system's.</param>
    /// <param name="http">Reaches the server. Default: HTTP.</param>
    internal Tracer(
        TracingOptions options, ILogger log, TimeProvider? time = null, HttpMessageHandler? http = null)
    {
        _time = time ?? TimeProvider.System;
        _sampler = options.Sampler;
        _unsampledFirst = options.Upgrades ? ActivitySamplingResult.AllData : ActivitySamplingResult.PropagationData;
        _reportsUnsampled = options.Upgrades || (options.Histograms && options.IsOtlp);
        _unsampledChild = _reportsUnsampled ? _unsampledFirst : ActivitySamplingResult.None;
        // ASP.NET Core then says what a request asks for, in OpenTelemetry's words, before it is sampled
        AppContext.SetSwitch("Microsoft.AspNetCore.Hosting.SuppressActivityOpenTelemetryData", false);
        _propagatorBefore = DistributedContextPropagator.Current;
        DistributedContextPropagator.Current = _propagator = new HeaderPropagator(options.Propagation);
        _reporter = new SpanReporter(options, log, _time, http ?? UntracedHttp.Handler());
        _sampler.Start(options, _stop.Token);
        var sources = new SourceNames(options.Sources);
        _listener = new ActivityListener
        {
            ShouldListenTo = source => sources.Include(source.Name),
            Sample = Sample,
            ActivityStopped = Stopped,
        };
        ActivitySource.AddActivityListener(_listener);
        if (!options.Upgrades)
            _skipping = this;
    }

    /// <summary>The tracer that runs, if unsampled spans need be no activities.</summary>
    internal static Tracer? Skipping => _skipping;

    /// <summary>Whether spans that are no activities are counted.</summary>
    internal bool CountsSkipped => _reportsUnsampled;

    internal long Timestamp => _time.GetTimestamp();

    /// <summary>A span that is no activity has ended.</summary>
    internal void Skipped(string name, ActivityKind kind, long start, bool hasFailed) =>
        _reporter.Add(name, new Timing(_time.GetElapsedTime(start), kind, hasFailed));

    /// <summary>What became of the spans that were to be reported.</summary>
    public ReportCounts Counts => _reporter.Counters.Counts;

    /// <summary>Returns when all spans that ended before are written, though not sent.</summary>
    internal void CatchUp() => _reporter.CatchUpAsync(CancellationToken.None).GetAwaiter().GetResult();

    /// <summary>Bytes of spans that wait to be sent.</summary>
    internal long WaitingBytes => _reporter.WaitingBytes;

    /// <summary>Traces this process until the result is disposed of.</summary>
    /// <param name="configure">Changes the defaults.</param>
    /// <param name="log">Where it says that spans cannot be sent. Default: nowhere.</param>
    /// <exception cref="ArgumentException">An option is not as it must be; the message names it and its
    /// value.</exception>
    public static Tracer Start(Action<TracingOptions>? configure = null, ILogger? log = null)
    {
        var options = new TracingOptions();
        configure?.Invoke(options);
        options.Validate();
        return new Tracer(options, log ?? NullLogger.Instance);
    }

    /// <summary>Completes when all spans that ended before are sent, or dropped.</summary>
    public Task FlushAsync(CancellationToken cancellationToken = default) => _reporter.FlushAsync(cancellationToken);

    /// <summary>
    /// Stops tracing; what was recorded is sent, as far as <see cref="TracingOptions.StopTimeout"/> allows.
    /// </summary>
    public ValueTask DisposeAsync()
    {
        // whoever comes second waits too: a host may be disposed, and its process end, while another thread stops it
        lock (_stop)
            return new ValueTask(_stopped ??= StopAsync());
    }

    async Task StopAsync()
    {
        Interlocked.CompareExchange(ref _skipping, null, this);
        _listener.Dispose();
        _outcomes.Dispose();
        await _stop.CancelAsync().ConfigureAwait(false);
        if (DistributedContextPropagator.Current == _propagator)
            DistributedContextPropagator.Current = _propagatorBefore;
        await _reporter.StopAsync().ConfigureAwait(false);
        _reporter.Dispose();
        _stop.Dispose();
    }

    /// <summary>As <see cref="DisposeAsync"/>, while the thread waits.</summary>
    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    ActivitySamplingResult Sample(ref ActivityCreationOptions<ActivityContext> creation)
    {
        var parent = creation.Parent;
        if (parent.SpanId == default)
            return SampleFirst(ref creation);
        if (parent.IsRemote)
            return SampleRemote(ref creation, parent);
        // a call of gRPC is one span, not two
        if (creation.Source.Name == HttpClientSource && Activity.Current?.Source.Name == Conventions.GrpcClientSource)
            return ActivitySamplingResult.None;
        return (parent.TraceFlags & ActivityTraceFlags.Recorded) != 0
            ? ActivitySamplingResult.AllDataAndRecorded
            : _unsampledChild;
    }

    /// <summary>A trace that begins here, or on which nobody has decided.</summary>
    ActivitySamplingResult SampleFirst(ref ActivityCreationOptions<ActivityContext> creation)
    {
        var threshold = _sampler.ThresholdOf(_sampler.IsPerOperation ? OperationOf(creation) : "");
        // asked for, the id is made; without that, it is made later
        if (threshold != Threshold.Always && !threshold.Samples(creation.TraceId))
            return _unsampledFirst;
        CreationOptions<ActivityContext>.SetTraceState(ref creation, threshold.State);
        return ActivitySamplingResult.AllDataAndRecorded;
    }

    /// <summary>The decision came with the request.</summary>
    ActivitySamplingResult SampleRemote(
        ref ActivityCreationOptions<ActivityContext> creation, in ActivityContext parent)
    {
        var state = parent.TraceState;
        if (state == B3.UndecidedState)
        {
            creation = creation with { TraceState = "" };
            return SampleFirst(ref creation);
        }
        var isSampled = (parent.TraceFlags & ActivityTraceFlags.Recorded) != 0;
        // a threshold that the trace does not reach says nothing of how it was sampled
        if (isSampled && !string.IsNullOrEmpty(state) && OtTraceState.TryReadThreshold(state, out var threshold) &&
            RandomnessOf(parent) < threshold)
            creation = creation with { TraceState = OtTraceState.With(state, "th", null) };
        return isSampled ? ActivitySamplingResult.AllDataAndRecorded : _unsampledFirst;
    }

    static ulong RandomnessOf(in ActivityContext context) =>
        OtTraceState.TryReadRandomness(context.TraceState, out var randomness)
            ? randomness
            : Threshold.RandomnessOf(context.TraceId);

    string OperationOf(in ActivityCreationOptions<ActivityContext> creation)
    {
        if (creation.Source.Name != RequestOutcomes.Source || creation.Tags is null)
            return creation.Name;
        string method = "", path = "";
        foreach (var (key, value) in creation.Tags)
        {
            if (key == "http.request.method")
                method = value as string ?? "";
            else if (key == "url.path")
                path = value as string ?? "";
        }
        return method.Length == 0 ? creation.Name : _outcomes.Routes.Find(method, path);
    }

    void Stopped(Activity span)
    {
        if (span.Recorded || _reportsUnsampled)
            _reporter.Add(span);
    }
}

/// <summary>
/// <c>with</c> would copy the options out and back, a dozen references each way: 3 % of what a root costs.
/// </summary>
static class CreationOptions<T>
{
    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "set_TraceState")]
    public static extern void SetTraceState(ref ActivityCreationOptions<T> creation, string? state);
}
