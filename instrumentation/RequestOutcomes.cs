using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;

namespace Tracing.Instrumentation;

/// <summary>
/// What became of a request that ASP.NET Core has served: its span does not say, but the event right before the span
/// ends has the request's context, and that the span, the route and the status. So neither a middleware is needed, nor
/// the metric of durations, which an endpoint may have switched off, nor that the span still is the current one.
/// </summary>
sealed class RequestOutcomes : IDisposable
{
    public const string Source = "Microsoft.AspNetCore";

    const string Metric = "http.server.request.duration";
    const string Route = "http.route";
    const string Status = "http.response.status_code";

    const string Started = "Microsoft.AspNetCore.Hosting.HttpRequestIn.Start";
    const string Stopped = "Microsoft.AspNetCore.Hosting.HttpRequestIn.Stop";
    const string Failed = "Microsoft.AspNetCore.Hosting.UnhandledException";
    const string Matched = "Microsoft.AspNetCore.Routing.EndpointMatched";

    /// <summary>Of a span: the endpoint that was asked for, where the answer came from an error page.</summary>
    const string AskedProperty = "tracing.asked";

    /// <summary>Names that are remembered; beyond it they are made for each request.</summary>
    const int MaxNames = 10_000;

    static readonly object NoEndpoint = new();

    // a box for each request would be garbage
    static readonly object[] Statuses = [.. Enumerable.Range(0, 600).Cast<object>()];

    readonly SourceNames _sources;
    readonly MeterListener _meters = new();
    readonly EventListener _events;
    readonly ConcurrentDictionary<(string, string), string> _names = new();

    public RequestOutcomes(SourceNames sources)
    {
        _sources = sources;
        _events = new EventListener(Source, static name => name is Started or Stopped or Failed or Matched, OnEvent);
        _meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name == Metric && instrument.Meter.Name == "Microsoft.AspNetCore.Hosting")
                listener.EnableMeasurementEvents(instrument);
        };
        _meters.SetMeasurementEventCallback<double>((_, _, tags, _) => OnMetric(tags));
        _meters.Start();
    }

    /// <summary>The routes seen, by which the paths of later requests are recognized when they begin.</summary>
    public RouteTable Routes { get; } = new();

    public void Dispose()
    {
        _events.Dispose();
        _meters.Dispose();
    }

    void OnEvent(string name, object payload)
    {
        switch (name)
        {
            case Stopped when AspNetCore.SpanOf(payload) is { } span && _sources.Owns(span):
                OnStopped(span, payload);
                break;
            case Matched when AspNetCore.AskedBeforeErrorPage(payload, out var asked):
                if (AspNetCore.SpanOf(payload) is { } page && page.GetCustomProperty(AskedProperty) is null)
                    page.SetCustomProperty(AskedProperty, asked ?? NoEndpoint);
                break;
            case Failed when AspNetCore.ExceptionOf(payload, out var context) is { } exception:
                if (AspNetCore.SpanOf(context) is { } failed && _sources.Owns(failed))
                    Fail(failed, exception.GetType().FullName);
                break;
        }
    }

    void OnStopped(Activity span, object context)
    {
        var status = AspNetCore.StatusOf(context);
        var exception = status >= 400 ? AspNetCore.HandledExceptionOf(context) : null;
        var route = AspNetCore.RouteOf(exception is { } handled ? handled.Endpoint
            : span.GetCustomProperty(AskedProperty) ?? AspNetCore.EndpointOf(context)) ?? "";
        if (span.IsAllDataRequested)
        {
            if (route.Length > 0)
                span.SetTag(Route, route);
            span.SetTag(Status, (uint)status < (uint)Statuses.Length ? Statuses[status] : status);
        }
        if (status >= 500)
            Fail(span, exception?.Error.GetType().FullName ?? status.ToString(CultureInfo.InvariantCulture));
        if (span.DisplayName == span.OperationName)
            span.DisplayName = NameOf(AspNetCore.MethodOf(context), route);
    }

    /// <summary>Of what middleware has handled, only the metric says what kind of error it was.</summary>
    static void OnMetric(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        foreach (ref readonly var tag in tags)
        {
            if (tag.Key == Conventions.ErrorType && tag.Value is string error && RequestSpan() is { } span)
                Fail(span, error);
        }
    }

    /// <summary>What the request's code began and did not end lies above it.</summary>
    static Activity? RequestSpan()
    {
        var span = Activity.Current;
        while (span is not null && span.Source.Name != Source)
            span = span.Parent;
        return span;
    }

    /// <summary>What the service itself has said of its request stays.</summary>
    static void Fail(Activity span, string? error)
    {
        if (span.IsAllDataRequested && span.GetTagItem(Conventions.ErrorType) is null)
            span.SetTag(Conventions.ErrorType, error);
        if (span.Status == ActivityStatusCode.Unset)
            span.SetStatus(ActivityStatusCode.Error);
    }

    string NameOf(string method, string route)
    {
        if (_names.TryGetValue((method, route), out var name))
            return name;
        name = route.Length == 0 ? method : $"{method} {route}";
        if (_names.Count < MaxNames)
        {
            _names[(method, route)] = name;
            Routes.Add(method, route, name);
        }
        return name;
    }
}
