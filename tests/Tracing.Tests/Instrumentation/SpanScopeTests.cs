using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Tracing.Collector;
using Tracing.Instrumentation;
using Tracing.Model;
using Xunit;

namespace Tracing.Tests.Instrumentation;

/// <summary>Spans that are no activities where the trace is not recorded.</summary>
[Collection(nameof(TracerCollection))]
public sealed class SpanScopeTests : IDisposable
{
    readonly ActivitySource _source = new($"Test.{Guid.NewGuid():n}");
    readonly TestClock _clock = new();
    readonly FaultyServer _server;

    public SpanScopeTests() => _server = new FaultyServer(_clock);

    public void Dispose()
    {
        _source.Dispose();
        _server.Dispose();
    }

    [Fact]
    public async Task Below_an_unsampled_span_they_make_nothing_and_are_counted()
    {
        await using (var tracer = Start(o => o.Sampler = Sampler.Never))
        {
            using (var request = _source.StartActivity("GET /cart", ActivityKind.Server))
            {
                for (var i = 0; i < 10; i++)
                {
                    using var outer = _source.StartSpan("place order");
                    _clock.Advance(TimeSpan.FromMilliseconds(5));
                    using var inner = _source.StartSpan("reserve", ActivityKind.Client);
                    Assert.Null(inner.Activity);
                    Assert.Same(request, Activity.Current);
                    if (i < 3)
                        inner.Fail("no stock");
                    _clock.Advance(TimeSpan.FromMilliseconds(2));
                }
            }
            await tracer.FlushAsync(TestContext.Current.CancellationToken);
        }

        Assert.Equal(0, _server.Stored);
        Assert.Equal(
            [
                ("place order", SpanKind.Internal, false, 10, 70e6),
                ("reserve", SpanKind.Client, false, 7, 14e6),
                ("reserve", SpanKind.Client, true, 3, 6e6),
            ],
            _server.Durations.Select(point => (Of: DurationInstruments.Operation(point), point.Count, point.Sum))
                // an activity, whose clock is the system's
                .Where(each => each.Of.Name != "GET /cart")
                .Select(each => (each.Of.Name, each.Of.Kind, each.Of.IsError, (int)each.Count, each.Sum ?? 0)).Order());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void They_take_no_memory(bool histograms)
    {
        using var tracer = Start(o => (o.Sampler, o.Histograms) = (Sampler.Never, histograms));
        using var request = _source.StartActivity("GET /cart", ActivityKind.Server);
        Measure();

        Assert.Equal(0, Measure());

        long Measure()
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 100; i++)
                _source.StartSpan("reserve").Dispose();
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    [Fact]
    public async Task Below_a_recorded_span_and_below_none_they_are_activities()
    {
        await using var tracer = Start(_ => { });
        using (var root = _source.StartSpan("GET /cart", ActivityKind.Server))
        {
            Assert.Equal((default, true), (root.Activity!.ParentSpanId, root.Activity.Recorded));
            using var child = _source.StartSpan("reserve", ActivityKind.Client);
            child.Fail("no stock");

            Assert.Equal(root.Activity.SpanId, child.Activity!.ParentSpanId);
            Assert.Equal((ActivityKind.Client, ActivityStatusCode.Error, "no stock"),
                (child.Activity.Kind, child.Activity.Status, child.Activity.StatusDescription));
        }
        await tracer.FlushAsync(TestContext.Current.CancellationToken);

        Assert.Equal(2, _server.Stored);
    }

    [Fact]
    public void Where_unsampled_spans_may_be_reported_after_all_they_are_activities()
    {
        using var tracer = Start(o => (o.Sampler, o.UpgradeErrors) = (Sampler.Never, true));
        using var root = _source.StartSpan("GET /cart", ActivityKind.Server);
        using var child = _source.StartSpan("reserve");

        Assert.Equal(root.Activity!.SpanId, child.Activity!.ParentSpanId);
    }

    [Fact]
    public void Without_a_tracer_and_for_a_source_that_nobody_listens_to_they_are_nothing()
    {
        Assert.Null(_source.StartSpan("alone").Activity);
        using var other = new ActivitySource("Other");
        using var tracer = Start(o => o.Sampler = Sampler.Never);
        using var request = _source.StartActivity("GET /cart", ActivityKind.Server);

        using (var child = other.StartSpan("not listened to"))
            Assert.Null(child.Activity);
    }

    Tracer Start(Action<TracingOptions> configure)
    {
        var options = new TracingOptions { ServiceName = "Shop", StopTimeout = TimeSpan.Zero };
        options.Sources.Clear();
        options.Sources.Add(_source.Name);
        configure(options);
        return new Tracer(options, NullLogger.Instance, _clock, _server);
    }
}
