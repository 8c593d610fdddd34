using Tracing.Model;

namespace Tracing.Storage;

// A message is told of by what receives it and by what processes it, one within the other or beside each other. For
// each producer's span and each service that consumes it, it counts once: at the span that was the first to take it.
public sealed partial class EdgeLinker
{
    // where the message of a caller is counted to a service; no more than the table has spans
    readonly Dictionary<(int Caller, int Service), int> _messages = [];

    /// <summary>A link is a child of its own, of the span that it names.</summary>
    void AddLinks(Span span, int position)
    {
        for (var i = 0; i < span.Links.Length && !_table.IsFull; i++)
        {
            var (trace, id) = (span.Links[i].TraceId.Low, span.Links[i].SpanId.Value);
            if (id == 0 || (trace == span.TraceId.Low && id == span.ParentSpanId.Value))
                continue;
            var link = _table.Add(_table[position] with
            {
                Trace = trace,
                Id = span.TraceId.Low,
                Parent = id,
                Next = position + 1,
                Caller = 0,
                Callees = 0,
                Flags = (_table[position].Flags | EdgeFlags.Link) &
                    ~(EdgeFlags.Decided | EdgeFlags.Layer | EdgeFlags.ServerHalf | EdgeFlags.Shared),
            });
            _ = Decide(link);
        }
    }

    /// <summary>Whether a consumer is the one at which the message counts; then it counts at no other one.</summary>
    bool TakeMessage(int caller, int consumer)
    {
        var message = MessageOf(caller, consumer);
        if (_messages.TryGetValue(message, out var other))
        {
            if (!IsTakenBefore(ref _table[consumer], ref _table[other]))
                return false;
            _table[other].Caller = 0;
            _table[caller].Callees--;
            CountPair(ref _table[caller], ref _table[other], isWithdrawn: true);
        }
        _messages[message] = consumer;
        return true;
    }

    (int Caller, int Service) MessageOf(int caller, int consumer) =>
        (caller, _names.ServiceOf(_table[consumer].Label).Number);

    /// <summary>By start, the longer one first, which may be around the other; else by id, so that one is.</summary>
    bool IsTakenBefore(ref EdgeSpan one, ref EdgeSpan other)
    {
        if (one.Second != other.Second)
            return one.Second < other.Second;
        return one.Nanos != other.Nanos ? one.Nanos > other.Nanos : IdOf(ref one).CompareTo(IdOf(ref other)) < 0;
    }

    (ulong Trace, ulong Id) IdOf(ref EdgeSpan consumer) => consumer.Is(EdgeFlags.Link)
        ? (consumer.Id, _table[consumer.Next - 1].Id)
        : (consumer.Trace, consumer.Id);

    /// <summary>Positions have changed.</summary>
    void KeepMessages()
    {
        _messages.Clear();
        for (var i = 0; i < _table.Count; i++)
        {
            if (_table[i].Kind == SpanKind.Consumer && _table[i].Caller != 0)
                _messages.Add(MessageOf(_table[i].Caller - 1, i), i);
        }
    }
}
