using System.Diagnostics;
using System.Net;
using Tracing.Instrumentation;
using Tracing.Model;
using Xunit;

namespace Tracing.Tests.Instrumentation;

/// <summary>What one span, one name or one server may cost: memory, waits and lines of the log.</summary>
[Collection(nameof(TracerCollection))]
public sealed class LimitTests : IDisposable
{
    readonly ActivitySource _source = new($"Test.{Guid.NewGuid():n}");
    readonly SpanSink _sink = new();

    static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _source.Dispose();
        _sink.Dispose();
    }

    public static TheoryData<object, string> Values => new()
    {
        { new List<int> { 1, 2 }, "[1, 2]" },
        { new HashSet<string> { "a" }, "[a]" },
        { new[] { new[] { 1 }, null }, "[[1], ]" },
        { new Unreadable(), "unreadable: InvalidOperationException" },
        { new[] { new Unreadable() }, "unreadable: InvalidOperationException" },
    };

    [Theory]
    [MemberData(nameof(Values))]
    public async Task A_value_that_is_there_is_written_as_far_as_it_can_be_read(object value, string text)
    {
        var span = await RecordAsync(each => each.SetTag("value", value).SetTag("after", 1));

        Assert.Equal((text, "1"), (SpanSink.Tag(span, "value"), SpanSink.Tag(span, "after")));
    }

    [Fact]
    public async Task A_sequence_without_an_end_is_not_read_and_a_long_list_is_cut()
    {
        var span = await RecordAsync(each => each.SetTag("endless", Endless())
            .SetTag("long", Enumerable.Range(0, 100_000).ToArray())
            .SetTag("wide", Enumerable.Range(0, 1000).Select(_ => new string('x', 20_000)).ToArray())
            .SetTag("deep", Enumerable.Repeat(Enumerable.Repeat(Enumerable.Range(0, 1000).ToArray(), 1000).ToArray(),
                1000).ToArray()));

        Assert.Contains(nameof(Endless), SpanSink.Tag(span, "endless"), StringComparison.Ordinal);
        Assert.Equal(1000, span.Attributes.Single(each => each.Key == "long").Value.AsArray().Length);
        Assert.All(span.Attributes, each => Assert.InRange(each.Value.ToString().Length, 1, 200_000));

        static IEnumerable<int> Endless()
        {
            for (var i = 0; ; i++)
                yield return i;
        }
    }

    [Fact]
    public async Task A_giant_span_is_cut_and_takes_no_others_along()
    {
        await using var tracer = _sink.Start(o => o.Histograms = false);
        for (var i = 0; i < 3; i++)
        {
            _source.StartActivity("small")?.Dispose();
            using var giant = _source.StartActivity(new string('n', 100_000));
            for (var j = 0; j < 2000; j++)
            {
                giant!.SetTag($"key {j}", new string('x', 100_000)).AddEvent(new ActivityEvent($"event {j}",
                    tags: new() { ["text"] = new string('y', 1000) }));
            }
        }
        await tracer.FlushAsync(Cancellation);

        Assert.Equal(new ReportCounts(6, 6, 0, 0), tracer.Counts);
        var spans = _sink.Spans.Where(span => span.Name != "small").ToList();
        Assert.Equal(3, spans.Count);
        Assert.All(spans, span =>
        {
            Assert.Equal((1024, 2000, 2000), (span.Name.Length, (int)span.DroppedAttributes + span.Attributes.Length,
                (int)span.DroppedEvents + span.Events.Length));
            Assert.InRange(span.Events.Length, 1, 1999);
        });
        Assert.All(_sink.Requests,
            request => Assert.InRange(request.Content!.Headers.ContentLength!.Value, 1, 1 << 20));
    }

    [Fact]
    public async Task Sources_that_are_disposed_of_are_let_go()
    {
        await using var tracer = _sink.Start(o => o.Histograms = false);
        var sources = new List<WeakReference>();
        for (var i = 0; i < 1000; i++)
            sources.Add(Use());
        await tracer.FlushAsync(Cancellation);
        Assert.Equal(1000, _sink.Spans.Count);
        // what follows takes their place
        for (var i = 0; i < 4096; i++)
            _source.StartActivity("after")?.Dispose();
        await tracer.FlushAsync(Cancellation);
        GC.Collect();

        Assert.InRange(sources.Count(each => each.IsAlive), 0, 10);

        WeakReference Use()
        {
            using var source = new ActivitySource("Unit");
            source.StartActivity("work")?.Dispose();
            return new WeakReference(source);
        }
    }

    [Fact]
    public void Operations_that_are_no_longer_seen_make_room_for_others()
    {
        var clock = new TestClock();
        var sampler = new OperationSampler(new Strategy(0, 1, []), clock);
        for (var i = 0; i < 5000; i++)
            sampler.ThresholdOf($"old {i}");
        clock.Advance(TimeSpan.FromMinutes(1));
        for (var i = 0; i < 100; i++)
            Assert.Equal(1, sampler.ThresholdOf($"new {i}").Probability);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_flush_ends_with_the_tracer(bool isStopped)
    {
        _sink.Answer = _ => new HttpResponseMessage(HttpStatusCode.ServiceUnavailable);
        var tracer = _sink.Start(o => o.StopTimeout = TimeSpan.Zero);
        _source.StartActivity("serve")?.Dispose();
        var flush = isStopped ? null : tracer.FlushAsync(Cancellation);
        await tracer.DisposeAsync();

        await (flush ?? tracer.FlushAsync(Cancellation)).WaitAsync(TimeSpan.FromMinutes(1), Cancellation);

        Assert.Equal(1, tracer.Counts.Dropped);
        Assert.Contains(_sink.Lines, line => line.Contains("before the stop", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_value_that_never_returns_holds_up_no_stop()
    {
        using var blocking = new Blocking();
        var tracer = _sink.Start(o => o.StopTimeout = TimeSpan.Zero);
        using (var span = _source.StartActivity("serve"))
            span!.SetTag("value", blocking);

        await tracer.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromMinutes(1), Cancellation);
        await tracer.FlushAsync(Cancellation).WaitAsync(TimeSpan.FromMinutes(1), Cancellation);

        Assert.Contains(_sink.Lines, line => line.Contains("does not return", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_server_without_metrics_is_told_of_once_and_its_spans_arrive()
    {
        _sink.Answer = request => request.RequestUri!.AbsolutePath == "/v1/metrics"
            ? new HttpResponseMessage(HttpStatusCode.NotFound) { Content = new StringContent("no metrics here") }
            : null;
        await using var tracer = _sink.Start(_ => { });
        for (var i = 0; i < 5; i++)
        {
            _source.StartActivity("serve")?.Dispose();
            await tracer.FlushAsync(Cancellation);
        }

        Assert.Equal(new ReportCounts(5, 5, 0, 0), tracer.Counts);
        Assert.Contains("404 Not Found: no metrics here", Assert.Single(_sink.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_server_rejects_is_told_of_with_its_reason_once_a_kind()
    {
        var reason = "";
        // a partial success: 1 rejected span, and why
        _sink.Answer = _ => new HttpResponseMessage(HttpStatusCode.OK)
        {
            Content = new ByteArrayContent([10, (byte)(4 + reason.Length), 8, 1, 18, (byte)reason.Length,
                .. System.Text.Encoding.ASCII.GetBytes(reason)]),
        };
        await using var tracer = _sink.Start(o => o.Histograms = false);
        foreach (var each in new[] { "span 1 has no name", "span 2 has no name", "too long" })
        {
            reason = each;
            _source.StartActivity("serve")?.Dispose();
            await tracer.FlushAsync(Cancellation);
        }

        Assert.Equal(new ReportCounts(3, 0, 3, 0), tracer.Counts);
        Assert.Equal(2, _sink.Lines.Count);
        Assert.Contains("span 1 has no name", _sink.Lines[0], StringComparison.Ordinal);
        Assert.Contains("too long", _sink.Lines[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Below_an_activity_of_hierarchical_ids_a_trace_begins()
    {
        using (var before = new Activity("before").SetIdFormat(ActivityIdFormat.Hierarchical).Start())
        {
            var span = await RecordAsync(_ => { });
            Assert.Equal((default, false), (span.ParentSpanId, span.TraceId == default));
        }
        Assert.NotEqual(default, (await RecordAsync(_ => { }, "|abc.1.")).TraceId);
    }

    async Task<Span> RecordAsync(Action<Activity> change, string? parent = null)
    {
        await using var tracer = _sink.Start(o => o.Histograms = false);
        using (var span = _source.StartActivity("serve", ActivityKind.Server, parent))
            change(span!);
        await tracer.FlushAsync(Cancellation);
        return _sink.Spans[^1];
    }

    sealed class Unreadable
    {
        public override string ToString() => throw new InvalidOperationException("on purpose");
    }

    sealed class Blocking : IDisposable
    {
        readonly ManualResetEventSlim _free = new();

        public override string ToString()
        {
            _free.Wait(Cancellation);
            return "";
        }

        public void Dispose() => _free.Set();
    }
}
