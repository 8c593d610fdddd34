using System.Diagnostics;

namespace Tracing.Instrumentation;

/// <summary>
/// Hears some events of all <see cref="DiagnosticListener"/>s of a name: each host of ASP.NET Core has one of its own.
/// Whatever goes wrong with an event, the request that it is of goes on.
/// </summary>
sealed class EventListener : IObserver<DiagnosticListener>, IDisposable
{
    readonly string _name;
    readonly Predicate<string> _isWanted;
    readonly Action<string, object> _onEvent;
    readonly HashSet<Subscription> _subscriptions = [];
    readonly IDisposable _all;
    bool _isDisposed;

    public EventListener(string name, Predicate<string> isWanted, Action<string, object> onEvent)
    {
        (_name, _isWanted, _onEvent) = (name, isWanted, onEvent);
        _all = DiagnosticListener.AllListeners.Subscribe(this);
    }

    public void OnNext(DiagnosticListener value)
    {
        if (value.Name != _name)
            return;
        lock (_subscriptions)
        {
            if (_isDisposed)
                return;
            var subscription = new Subscription(this);
            _subscriptions.Add(subscription);
            subscription.To = value.Subscribe(subscription, _isWanted);
        }
    }

    public void OnCompleted()
    {
    }

    public void OnError(Exception error)
    {
    }

    public void Dispose()
    {
        _all.Dispose();
        Subscription[] subscriptions;
        lock (_subscriptions)
        {
            _isDisposed = true;
            subscriptions = [.. _subscriptions];
            _subscriptions.Clear();
        }
        foreach (var each in subscriptions)
            each.To?.Dispose();
    }

    sealed class Subscription(EventListener owner) : IObserver<KeyValuePair<string, object?>>
    {
        public IDisposable? To { get; set; }

        public void OnNext(KeyValuePair<string, object?> value)
        {
            if (value.Value is null || !owner._isWanted(value.Key))
                return;
            try
            {
                owner._onEvent(value.Key, value.Value);
            }
            catch (Exception e) when (e is TypeLoadException or MissingMethodException or InvalidCastException or
                FileNotFoundException or NotSupportedException or ObjectDisposedException)
            {
                // another version of the library that the event comes from: the span says less
            }
        }

        /// <summary>The host has ended; what it held is let go.</summary>
        public void OnCompleted()
        {
            lock (owner._subscriptions)
                owner._subscriptions.Remove(this);
        }

        public void OnError(Exception error)
        {
        }
    }
}
