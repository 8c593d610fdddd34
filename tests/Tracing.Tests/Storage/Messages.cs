using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Tracing.Tests;

/// <summary>Keeps what is logged of a level or above, errors if none is named.</summary>
sealed class Messages(LogLevel least = LogLevel.Error) : ILogger
{
    public ConcurrentQueue<string> Errors { get; } = [];

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter)
    {
        if (logLevel >= least)
            Errors.Enqueue(formatter(state, exception));
    }
}
