using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Tracing.Instrumentation;

/// <summary>
/// What became of a request that ASP.NET Core has served: its span does not say, but its duration metric, which is
/// measured right before the span ends, has route, status and error. So the library needs no reference to ASP.NET Core,
/// and no middleware.
/// </summary>
sealed class RequestOutcomes : IDisposable
{
    public const string Source = "Microsoft.AspNetCore";

    const string Metric = "http.server.request.duration";
    const string Method = "http.request.method";
    const string Route = "http.route";
    const string Status = "http.response.status_code";
    const string ErrorType = "error.type";

    /// <summary>Names that are remembered; beyond it they are made for each request.</summary>
    const int MaxNames = 10_000;

    readonly MeterListener _listener = new();
    readonly ConcurrentDictionary<(string, string), string> _names = new();

    public RequestOutcomes()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name == Metric && instrument.Meter.Name == "Microsoft.AspNetCore.Hosting")
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<double>((_, _, tags, _) => Add(tags));
        _listener.Start();
    }

    /// <summary>The routes seen, by which the paths of later requests are recognized when they begin.</summary>
    public RouteTable Routes { get; } = new();

    public void Dispose() => _listener.Dispose();

    void Add(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (RequestSpan() is not { } span)
            return;
        string method = "HTTP", route = "";
        foreach (ref readonly var tag in tags)
        {
            switch (tag.Key)
            {
                case Method when tag.Value is string text && text != "_OTHER":
                    method = text;
                    break;
                case Route when tag.Value is string text:
                    route = text;
                    SetTag(span, tag);
                    break;
                case Status when tag.Value is int status:
                    SetTag(span, tag);
                    if (status >= 500)
                        span.SetStatus(ActivityStatusCode.Error);
                    break;
                case ErrorType:
                    SetTag(span, tag);
                    span.SetStatus(ActivityStatusCode.Error);
                    break;
            }
        }
        if (span.DisplayName == span.OperationName)
            span.DisplayName = NameOf(method, route);
    }

    /// <summary>What the request's code began and did not end lies above it.</summary>
    static Activity? RequestSpan()
    {
        var span = Activity.Current;
        while (span is not null && span.Source.Name != Source)
            span = span.Parent;
        return span;
    }

    static void SetTag(Activity span, in KeyValuePair<string, object?> tag)
    {
        if (span.IsAllDataRequested)
            span.SetTag(tag.Key, tag.Value);
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

/// <summary>
/// Finds the operation of a request that begins, whose route is not known yet, among those that were served before: a
/// sampler for each operation has to decide then. A path that fits none is known by its method only.
/// </summary>
sealed class RouteTable
{
    volatile Entry[] _routes = [];
    readonly Lock _lock = new();

    public void Add(string method, string route, string name)
    {
        var segments = route.Trim('/').Split('/');
        lock (_lock)
            // those of more literal segments first, as routing prefers them
            _routes = [.. _routes.Append(new Entry(method, segments, name)).OrderBy(each => each.Parameters)];
    }

    /// <summary>"GET /cart/{id}" for "/cart/7", if that route was served before; else the method.</summary>
    public string Find(string method, string path)
    {
        foreach (var route in _routes)
        {
            if (route.Method == method && Fits(route.Segments, path))
                return route.Name;
        }
        return method;
    }

    static bool Fits(string[] segments, ReadOnlySpan<char> path)
    {
        path = path.Trim('/');
        var i = 0;
        foreach (var range in path.Split('/'))
        {
            if (i == segments.Length)
                return false;
            var segment = segments[i++];
            // "{*rest}" takes all
            if (segment.StartsWith("{*", StringComparison.Ordinal))
                return true;
            if (!segment.Contains('{', StringComparison.Ordinal) &&
                !path[range].Equals(segment, StringComparison.OrdinalIgnoreCase))
                return false;
        }
        return i == segments.Length;
    }

    sealed record Entry(string Method, string[] Segments, string Name)
    {
        public int Parameters { get; } = Segments.Count(segment => segment.Contains('{', StringComparison.Ordinal));
    }
}
