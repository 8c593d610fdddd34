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
    readonly Sampler _sampler;
    readonly CallerDecisions _callers;
    readonly SourceNames _sources;
    readonly ILogger _log;
    readonly SpanReporter _reporter;
    readonly CancellationTokenSource _stop = new();
    readonly RequestOutcomes? _outcomes;
    readonly EventListener? _httpClients, _grpcCalls;
    readonly ActivityListener? _listener;
    readonly DistributedContextPropagator _propagatorBefore;
    readonly DistributedContextPropagator _propagator;
    readonly (ActivityIdFormat Format, bool IsForced) _idsBefore;

    // of a span that is not sampled, where the context must go on, and where nobody asks
    readonly ActivitySamplingResult _unsampledFirst, _unsampledChild;
    readonly bool _reportsUnsampled;
    readonly TimeProvider _time;
    Task? _stopped;
    int _toldUnsampled;

    static volatile Tracer? _skipping;

    /// <param name="time">Of all but activities. Default: the system's.</param>
    /// <param name="http">Reaches the server. Default: HTTP.</param>
    internal Tracer(
        TracingOptions options, ILogger log, TimeProvider? time = null, HttpMessageHandler? http = null)
    {
        _time = time ?? TimeProvider.System;
        (_sampler, _callers, _log) = (options.Sampler, options.CallerDecisions, log);
        options.Resolve();
        foreach (var problem in options.Problems)
            Log.Ignored(log, problem);
        _unsampledFirst = options.Upgrades ? ActivitySamplingResult.AllData : ActivitySamplingResult.PropagationData;
        _reportsUnsampled = options.Upgrades || (options.Histograms && options.IsOtlp);
        _unsampledChild = _reportsUnsampled ? _unsampledFirst : ActivitySamplingResult.None;
        // ASP.NET Core then says what a request asks for, in OpenTelemetry's words, before it is sampled
        AppContext.SetSwitch("Microsoft.AspNetCore.Hosting.SuppressActivityOpenTelemetryData", false);
        _propagatorBefore = DistributedContextPropagator.Current;
        DistributedContextPropagator.Current = _propagator = new HeaderPropagator(options.Propagation);
        // hierarchical ids name no trace; below an activity that has one, spans are to be traced all the same
        _idsBefore = (Activity.DefaultIdFormat, Activity.ForceDefaultIdFormat);
        (Activity.DefaultIdFormat, Activity.ForceDefaultIdFormat) = (ActivityIdFormat.W3C, true);
        // nothing of a tracer that is off is recorded, and contexts pass through it
        _sources = new SourceNames(options.Disabled ? [] : options.Sources);
        _sources.Run();
        _reporter = new SpanReporter(options, _sources, log, _time, http ?? UntracedHttp.Handler());
        if (options.Disabled)
            return;
        _sampler.Start(options, _stop.Token);
        _outcomes = new RequestOutcomes(_sources);
        _httpClients = HttpClientHeaders.Listen(options, _propagator);
        _grpcCalls = GrpcCalls.Listen();
        _listener = new ActivityListener
        {
            ShouldListenTo = source => _sources.Include(source.Name),
            Sample = Sample,
            SampleUsingParentId = SampleHierarchical,
            ActivityStopped = Stopped,
        };
        ActivitySource.AddActivityListener(_listener);
        if (!options.Upgrades)
            _skipping = this;
    }

    /// <summary>The tracer that runs, if unsampled spans need be no activities.</summary>
    internal static Tracer? Skipping => _skipping;

    /// <summary>Whether an activity is one that this tracer has decided upon.</summary>
    internal bool Owns(Activity activity) => _sources.Owns(activity);

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
        return new Tracer(options, log ?? NullLogger.Instance);
    }

    /// <summary>
    /// Completes when all spans that ended before are sent or dropped, which takes up to 5 minutes while the server is
    /// away; at the latest when the tracer has stopped.
    /// </summary>
    /// <param name="cancellationToken">Ends the wait, not the sending.</param>
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
        _listener?.Dispose();
        _outcomes?.Dispose();
        _httpClients?.Dispose();
        _grpcCalls?.Dispose();
        _sources.Stop();
        (Activity.DefaultIdFormat, Activity.ForceDefaultIdFormat) = _idsBefore;
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
        var isHttp = creation.Source.Name == Conventions.HttpClientSource;
        if ((isHttp || creation.Source.Name == Conventions.GrpcClientSource) && OtherExporters.AreSending)
            return ActivitySamplingResult.None;
        var parent = creation.Parent;
        if (parent.SpanId == default)
            return SampleFirst(ref creation, null);
        if (parent.IsRemote)
            return SampleRemote(ref creation, parent);
        var flags = parent.TraceFlags;
        // unless the parent was given as a context, it is the current activity
        if (Activity.Current is { } current && current.SpanId == parent.SpanId)
        {
            if (!_sources.Owns(current))
            {
                if (_sources.Nearest(current, out var top) is not { } nearest)
                    return SampleBelow(ref creation, top!);
                (current, flags) = (nearest, nearest.ActivityTraceFlags);
            }
            // a call of gRPC is one span, not two
            if (isHttp && !current.Recorded && current.Source.Name == Conventions.GrpcClientSource)
                return ActivitySamplingResult.None;
        }
        return (flags & ActivityTraceFlags.Recorded) != 0
            ? ActivitySamplingResult.AllDataAndRecorded
            : _unsampledChild;
    }

    /// <summary>
    /// The first span of ours below activities of others, such as ASP.NET Core's for its log: those are no decision,
    /// but a caller's may have come with them.
    /// </summary>
    ActivitySamplingResult SampleBelow(ref ActivityCreationOptions<ActivityContext> creation, Activity top) =>
        top.ParentSpanId == default
            ? SampleFirst(ref creation, top.TraceStateString)
            : SampleRemote(ref creation, new ActivityContext(
                top.TraceId, top.ParentSpanId, top.ActivityTraceFlags, top.TraceStateString, isRemote: true));

    /// <summary>The parent's id is hierarchical: it names no trace, so that one begins.</summary>
    ActivitySamplingResult SampleHierarchical(ref ActivityCreationOptions<string> creation)
    {
        var threshold = _sampler.ThresholdOf(_sampler.IsPerOperation ? creation.Name : "");
        if (threshold != Threshold.Always && !threshold.Samples(creation.TraceId))
            return _unsampledFirst;
        creation = creation with { TraceState = threshold.State };
        return ActivitySamplingResult.AllDataAndRecorded;
    }

    /// <summary>A trace that begins here, or on which nobody has decided.</summary>
    /// <param name="state">What came with it.</param>
    ActivitySamplingResult SampleFirst(ref ActivityCreationOptions<ActivityContext> creation, string? state)
    {
        var threshold = _sampler.ThresholdOf(_sampler.IsPerOperation ? OperationOf(creation) : "");
        // asked for, the id is made; without that, it is made later
        if (threshold != Threshold.Always && !Samples(threshold, creation.TraceId, state))
            return _unsampledFirst;
        CreationOptions<ActivityContext>.SetTraceState(
            ref creation, string.IsNullOrEmpty(state) ? threshold.State : threshold.Within(state));
        return ActivitySamplingResult.AllDataAndRecorded;
    }

    static bool Samples(Threshold threshold, ActivityTraceId traceId, string? state) =>
        string.IsNullOrEmpty(state) || !OtTraceState.TryReadRandomness(state, out var randomness)
            ? threshold.Samples(traceId)
            : randomness >= threshold.Value;

    /// <summary>The decision came with the request.</summary>
    ActivitySamplingResult SampleRemote(
        ref ActivityCreationOptions<ActivityContext> creation, in ActivityContext parent)
    {
        var state = parent.TraceState;
        if (state == B3.UndecidedState)
        {
            creation = creation with { TraceState = "" };
            return SampleFirst(ref creation, null);
        }
        var isSampled = (parent.TraceFlags & ActivityTraceFlags.Recorded) != 0;
        if (_callers == CallerDecisions.Ignore || (!isSampled && _callers == CallerDecisions.KeepSampled))
            return SampleFirst(ref creation, state);
        if (!isSampled && Interlocked.Exchange(ref _toldUnsampled, 1) == 0)
            Log.Unsampled(_log);
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
        return method.Length == 0 ? creation.Name : _outcomes!.Routes.Find(method, path);
    }

    void Stopped(Activity span)
    {
        if (!span.Recorded && !_reportsUnsampled)
            return;
        if (!Conventions.IsMerged(span))
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
