using System.Diagnostics;
using Tracing.Instrumentation;
using Xunit;

namespace Tracing.Tests.Instrumentation;

/// <summary>From many threads to one.</summary>
public sealed class SpanRingTests
{
    [Fact]
    public void All_that_is_added_is_taken_once_in_the_order_of_each_thread()
    {
        const int Threads = 3;
        const int Spans = 50_000;
        var ring = new SpanRing(() => { });
        var names = Enumerable.Range(0, Threads).Select(thread => $"thread {thread}").ToArray();
        var activity = new Activity("activity");
        var writers = names.Select(name => new Thread(() =>
        {
            for (var i = 1; i <= Spans; i++)
            {
                while (!ring.TryAdd(name, new Timing(TimeSpan.FromTicks(i), ActivityKind.Client, i % 2 == 0)))
                    Thread.Yield();
                while (!ring.TryAdd(activity))
                    Thread.Yield();
            }
        })).ToList();
        writers.ForEach(writer => writer.Start());
        var (last, activities) = (new long[Threads], 0);
        while (last.Any(each => each < Spans) || activities < Threads * Spans)
        {
            if (!ring.TryTake(out var span, out var timing))
                continue;
            if (ReferenceEquals(span, activity))
            {
                activities++;
                continue;
            }
            var thread = Array.IndexOf(names, (string)span);
            Assert.Equal(++last[thread], timing.Duration.Ticks);
            Assert.Equal((ActivityKind.Client, last[thread] % 2 == 0), (timing.Kind, timing.IsError));
        }
        writers.ForEach(writer => writer.Join());
        Assert.False(ring.TryTake(out _, out _));
    }

    [Fact]
    public void What_has_no_room_is_refused_and_the_reader_is_called_before()
    {
        var calls = 0;
        var ring = new SpanRing(() => calls++);
        var span = new Activity("span");

        for (var i = 0; i < SpanRing.Capacity; i++)
            Assert.True(ring.TryAdd(span));
        Assert.False(ring.TryAdd(span));
        Assert.Equal(4, calls);
        while (ring.TryTake(out _, out _))
        {
        }

        Assert.True(ring.TryAdd(span));
    }
}
