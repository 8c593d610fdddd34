using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tracing.Instrumentation;
using Tracing.Model;
using Xunit;

namespace Tracing.Tests.Instrumentation;

/// <summary>What spans say of the requests that ASP.NET Core serves.</summary>
[Collection(nameof(TracerCollection))]
public sealed class RequestTests : IDisposable
{
    readonly SpanSink _sink = new();

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _sink.Dispose();

    [Theory]
    // an endpoint without the metric, a current activity that is gone, or another that nobody has ended
    [InlineData("/quiet/7", "GET /quiet/{id}", 503, "503")]
    [InlineData("/gone/7", "GET /gone/{id}", 503, "503")]
    [InlineData("/left/7", "GET /left/{id}", 503, "503")]
    [InlineData("/ok", "GET /ok", 200, null)]
    [InlineData("/nowhere", "GET", 404, null)]
    // error pages
    [InlineData("/thrown/7", "GET /thrown/{id}", 500, "System.InvalidOperationException")]
    [InlineData("/missing/7", "GET /missing/{id}", 404, null)]
    public async Task A_request_has_its_route_status_and_error(string path, string name, int status, string? error)
    {
        var span = await ServeAsync(path, app =>
        {
            app.UseStatusCodePagesWithReExecute("/error");
            app.UseExceptionHandler("/error");
            app.UseRouting();
        });

        Assert.Equal(name, span.Name);
        Assert.Equal(status.ToString(), SpanSink.Tag(span, "http.response.status_code"));
        Assert.Equal(name == "GET" ? null : name[4..], SpanSink.Tag(span, "http.route"));
        Assert.Equal(error, SpanSink.Tag(span, "error.type"));
        Assert.Equal(error is null ? StatusCode.Unset : StatusCode.Error, span.Status);
    }

    [Theory]
    [InlineData("/thrown/7", "GET /thrown/{id}")]
    [InlineData("/thrownquiet/7", "GET /thrownquiet/{id}")]
    public async Task What_nobody_catches_is_an_error_of_its_type(string path, string name)
    {
        var span = await ServeAsync(path, _ => { });

        Assert.Equal((name, StatusCode.Error, "System.InvalidOperationException"),
            (span.Name, span.Status, SpanSink.Tag(span, "error.type")));
    }

    [Theory]
    [InlineData("/said", StatusCode.Error, "no stock", "500")]
    [InlineData("/fine", StatusCode.Ok, "", "500")]
    [InlineData("/own", StatusCode.Error, "", "stock.empty")]
    public async Task What_a_service_says_of_its_request_stays(
        string path, StatusCode status, string message, string error)
    {
        var span = await ServeAsync(path, _ => { });

        Assert.Equal((status, message, error), (span.Status, span.StatusMessage, SpanSink.Tag(span, "error.type")));
    }

    [Fact]
    public async Task A_span_below_activities_of_others_is_recorded_and_is_the_root()
    {
        using var source = new ActivitySource($"Test.{Guid.NewGuid():n}");
        var span = await ServeAsync("/mine", _ => { }, source.Name, source);

        Assert.Equal(("mine", default(SpanId)), (span.Name, span.ParentSpanId));
    }

    [Theory]
    [InlineData("01", true)]
    [InlineData("00", false)]
    public async Task A_caller_is_the_parent_through_activities_of_others(string flags, bool isRecorded)
    {
        using var source = new ActivitySource($"Test.{Guid.NewGuid():n}");
        var spans = await ServeAllAsync("/mine", _ => { }, source.Name, source,
            $"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");

        Assert.Equal(isRecorded ? 1 : 0, spans.Count);
        Assert.All(spans, span => Assert.Equal("00f067aa0ba902b7", span.ParentSpanId.ToString()));
    }

    [Theory]
    [InlineData(CallerDecisions.Keep, "00", false)]
    [InlineData(CallerDecisions.KeepSampled, "00", true)]
    [InlineData(CallerDecisions.Ignore, "00", true)]
    [InlineData(CallerDecisions.Keep, "01", true)]
    public async Task A_caller_decides_as_far_as_it_is_let(CallerDecisions callers, string flags, bool isRecorded)
    {
        var spans = await ServeAllAsync("/ok", _ => { }, "*", null,
            $"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}", callers);

        Assert.Equal(isRecorded ? 1 : 0, spans.Count(span => span.Kind == SpanKind.Server));
        Assert.All(spans, span => Assert.Equal("00f067aa0ba902b7", span.ParentSpanId.ToString()));
        Assert.Equal(isRecorded ? 0 : 1,
            _sink.Lines.Count(line => line.Contains("set CallerDecisions to KeepSampled", StringComparison.Ordinal)));
    }

    async Task<Span> ServeAsync(
        string path, Action<WebApplication> configure, string sources = "Microsoft.AspNetCore",
        ActivitySource? own = null) =>
        Assert.Single(await ServeAllAsync(path, configure, sources, own));

    async Task<List<Span>> ServeAllAsync(string path, Action<WebApplication> configure, string sources,
        ActivitySource? own, string? parent = null, CallerDecisions callers = CallerDecisions.Keep)
    {
        await using var tracer = _sink.Start(o =>
        {
            o.Sources.Clear();
            o.Sources.Add(sources);
            (o.Histograms, o.CallerDecisions) = (false, callers);
        });
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders().AddProvider(new Quiet());
        builder.Services.AddSingleton(DistributedContextPropagator.Current);
        await using var app = builder.Build();
        configure(app);
        Map(app, own);
        await app.StartAsync(Cancellation);
        using var client = new HttpClient(new SocketsHttpHandler { ActivityHeadersPropagator = null });
        using var request = new HttpRequestMessage(HttpMethod.Get, app.Urls.Single() + path);
        if (parent is not null)
            request.Headers.Add("traceparent", parent);
        using (await client.SendAsync(request, Cancellation))
            await app.StopAsync(Cancellation);
        await tracer.FlushAsync(Cancellation);
        return _sink.Spans;
    }

    static void Map(WebApplication app, ActivitySource? own)
    {
        const int Busy = StatusCodes.Status503ServiceUnavailable;
        app.MapGet("/ok", () => "ok");
        app.MapGet("/error", () => "error");
        app.MapGet("/quiet/{id}", () => Results.StatusCode(Busy)).DisableHttpMetrics();
        app.MapGet("/gone/{id}", () =>
        {
            Activity.Current = null;
            return Results.StatusCode(Busy);
        });
        app.MapGet("/left/{id}", () =>
        {
            new Activity("left").Start();
            return Results.StatusCode(Busy);
        });
        app.MapGet("/thrown/{id}", IResult () => throw new InvalidOperationException("on purpose"));
        app.MapGet("/thrownquiet/{id}", IResult () => throw new InvalidOperationException("on purpose"))
            .DisableHttpMetrics();
        app.MapGet("/missing/{id}", () => Results.StatusCode(StatusCodes.Status404NotFound));
        app.MapGet("/said", () => Say(span => span.SetStatus(ActivityStatusCode.Error, "no stock")));
        app.MapGet("/fine", () => Say(span => span.SetStatus(ActivityStatusCode.Ok)));
        app.MapGet("/own", () => Say(span => span.SetTag("error.type", "stock.empty")));
        app.MapGet("/mine", () =>
        {
            using (own?.StartActivity("mine"))
                return "mine";
        });
    }

    static IResult Say(Action<Activity> say)
    {
        say(Activity.Current!);
        return Results.StatusCode(StatusCodes.Status500InternalServerError);
    }

    /// <summary>A log that is on, as every service's is: ASP.NET Core makes an activity of its own then.</summary>
    sealed class Quiet : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
        }

        public void Dispose()
        {
        }
    }
}
