using System.Collections.Concurrent;

namespace Tracing.Instrumentation;

/// <summary>What is recorded of the operations of a service.</summary>
/// <param name="Probability">Of operations that have none of their own; 0 to 1.</param>
/// <param name="TracesPerSecond">Recorded of each operation at least, if there are so many; 0 for no such
/// bound.</param>
/// <param name="Operations">Operations with a probability of their own.</param>
sealed record Strategy(double Probability, double TracesPerSecond, IReadOnlyDictionary<string, double> Operations)
{
    public Strategy(double probability, double tracesPerSecond, (string, double)[] operations)
        : this(probability, tracesPerSecond, operations.ToDictionary(each => each.Item1, each => each.Item2))
    {
    }
}

/// <summary>
/// A probability for each operation, raised as far as its traces a second ask for.
/// <para>
/// No bucket of tokens: what it lets through has no probability, and so no weight. The share is that which the load of
/// the second before, or of this one so far if that is more, allows; it is fixed before a trace is looked at. A load
/// that jumps from nothing to n in a second is thus sampled 1 + ln(n / limit) times as often as wanted, once.
/// </para>
/// </summary>
sealed class OperationSampler : Sampler
{
    /// <summary>Operations that are told apart; further ones share one.</summary>
    const int MaxOperations = 1000;

    /// <summary>How often those that are no longer seen make room for others.</summary>
    static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(10);

    readonly Strategy _strategy;
    readonly TimeProvider _time;
    readonly ConcurrentDictionary<string, OperationLoad> _loads = new();
    readonly OperationLoad _others;
    long _swept;

    public OperationSampler(Strategy strategy, TimeProvider time)
    {
        (_strategy, _time) = (strategy, time);
        _others = new OperationLoad(Threshold.Of(strategy.Probability), strategy.TracesPerSecond, time);
    }

    internal override bool IsPerOperation => true;

    internal override Threshold ThresholdOf(string operation)
    {
        operation = Conventions.Cut(operation);
        if (!_loads.TryGetValue(operation, out var load))
        {
            if (_loads.Count >= MaxOperations)
                Sweep();
            load = _loads.Count >= MaxOperations
                ? _others
                : _loads.GetOrAdd(operation, name => new OperationLoad(
                    Threshold.Of(_strategy.Operations.GetValueOrDefault(name, _strategy.Probability)),
                    _strategy.TracesPerSecond, _time));
        }
        return load.Next();
    }

    void Sweep()
    {
        var (last, now) = (Volatile.Read(ref _swept), _time.GetTimestamp());
        if ((last != 0 && _time.GetElapsedTime(last, now) < SweepInterval) ||
            Interlocked.CompareExchange(ref _swept, now, last) != last)
            return;
        foreach (var (name, load) in _loads)
        {
            if (load.IsIdle)
                _loads.TryRemove(name, out _);
        }
    }
}

/// <summary>How many traces of an operation began lately, and the share of them to record.</summary>
sealed class OperationLoad
{
    readonly Lock _lock = new();
    readonly Threshold _least;
    readonly TimeProvider _time;

    // a window is a second, or as long as it takes for one trace to be wanted
    readonly double _allowed;
    readonly long _window;

    long _windowEnd;
    long _count, _countBefore;
    long _countOfCurrent;
    Threshold _current;

    public OperationLoad(Threshold least, double tracesPerSecond, TimeProvider time)
    {
        (_least, _current, _time) = (least, least, time);
        if (tracesPerSecond <= 0 || least == Threshold.Always)
            return;
        var seconds = Math.Max(1, 1 / tracesPerSecond);
        _allowed = tracesPerSecond * seconds;
        _window = (long)(seconds * time.TimestampFrequency);
        _windowEnd = time.GetTimestamp() + _window;
    }

    /// <summary>Whether to forget it makes no difference.</summary>
    public bool IsIdle
    {
        get
        {
            lock (_lock)
                return _window == 0 || _time.GetTimestamp() >= _windowEnd + _window;
        }
    }

    public Threshold Next()
    {
        if (_window == 0)
            return _least;
        lock (_lock)
        {
            var now = _time.GetTimestamp();
            if (now >= _windowEnd)
            {
                // what came before a pause says nothing
                _countBefore = now - _windowEnd < _window ? _count : 0;
                _count = 0;
                _windowEnd = now + _window;
            }
            _count++;
            var load = Math.Max(_countBefore, _count);
            // a new text only when the share has changed by more than a part of 16
            if (Math.Abs(load - _countOfCurrent) * 16 > _countOfCurrent)
            {
                (_countOfCurrent, _current) = (load, Threshold.Of(Math.Min(1, _allowed / load)));
                if (_current.Value > _least.Value)
                    _current = _least;
            }
            return _current;
        }
    }
}
