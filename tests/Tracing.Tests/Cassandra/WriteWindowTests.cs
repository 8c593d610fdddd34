using Tracing.Storage.Cassandra;
using Xunit;

namespace Tracing.Tests;

/// <summary>How many writes are under way at once.</summary>
public sealed class WriteWindowTests
{
    readonly TestClock _clock = new();
    readonly WriteWindow _window;

    public WriteWindowTests() => _window = new WriteWindow(_clock);

    [Fact]
    public async Task No_more_are_under_way_than_the_window_has()
    {
        var gate = new TaskCompletionSource();
        var running = 0;
        var writes = Enumerable.Range(0, 100).Select(_ => _window.RunAsync(async () =>
        {
            Interlocked.Increment(ref running);
            await gate.Task;
            return true;
        })).ToList();
        Assert.Equal(_window.Size, running);
        gate.SetResult();
        await Task.WhenAll(writes);
        Assert.Equal(100, running);
    }

    [Fact]
    public async Task Failures_halve_it_down_to_a_few()
    {
        for (var before = _window.Size; before > WriteWindow.Min; before = _window.Size)
        {
            await Assert.ThrowsAsync<IOException>(() => _window.RunAsync<bool>(() => throw new IOException()));
            Assert.Equal(Math.Max(WriteWindow.Min, before / 2), _window.Size);
        }
    }

    [Fact]
    public async Task It_grows_while_writes_are_as_quick_as_one_alone()
    {
        for (var i = 0; i < 1000 && _window.Size < WriteWindow.Max; i++)
            await WriteAsync(_window.Size, _ => 10);
        Assert.Equal(WriteWindow.Max, _window.Size);
    }

    [Fact]
    public async Task It_settles_where_some_wait()
    {
        // those of the first round are quick, and all beyond wait
        var first = _window.Size;
        for (var i = 0; i < 1000; i++)
            await WriteAsync(_window.Size, count => count);
        Assert.InRange(_window.Size, first + 4, first + 8);
    }

    /// <summary>Writes so many at once, which take so many milliseconds.</summary>
    async Task WriteAsync(int count, Func<int, int> millis)
    {
        var gate = new TaskCompletionSource();
        var writes = Enumerable.Range(0, count).Select(_ => _window.RunAsync(async () =>
        {
            await gate.Task;
            return true;
        })).ToList();
        _clock.Advance(TimeSpan.FromMilliseconds(millis(count)));
        gate.SetResult();
        await Task.WhenAll(writes);
    }
}
