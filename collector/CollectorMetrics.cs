namespace Tracing.Collector;

/// <summary>
/// What the intake counts, for each transport, since the start of the process. An operator can rely on:
/// spans received = spans stored or resent + spans dropped (sampled away, rejected or refused with their request).
/// </summary>
public sealed class CollectorMetrics
{
    public TransportMetrics ZipkinHttp { get; } = new("http");

    public TransportMetrics ZipkinGrpc { get; } = new("grpc");

    public TransportMetrics OtlpHttp { get; } = new("otlp_http");

    public TransportMetrics OtlpGrpc { get; } = new("otlp_grpc");

    public IReadOnlyList<TransportMetrics> All => [ZipkinHttp, ZipkinGrpc, OtlpHttp, OtlpGrpc];

    public PointMetrics MetricsHttp { get; } = new("otlp_http");

    public PointMetrics MetricsGrpc { get; } = new("otlp_grpc");

    /// <summary>Of OTLP's metrics, which Zipkin does not know.</summary>
    public IReadOnlyList<PointMetrics> AllPoints => [MetricsHttp, MetricsGrpc];
}

/// <summary>What is counted of any transport. A message is one request.</summary>
public abstract class MessageMetrics(string name)
{
    long _messages, _messagesDropped, _bytes, _lastBytes;

    public string Name { get; } = name;

    public long Messages => Volatile.Read(ref _messages);

    /// <summary>Requests refused as malformed, too large or because the store could not take them.</summary>
    public long MessagesDropped => Volatile.Read(ref _messagesDropped);

    /// <summary>Bytes of bodies after decompression.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Bytes of the newest request.</summary>
    public long LastMessageBytes => Volatile.Read(ref _lastBytes);

    internal void MessageReceived() => Interlocked.Increment(ref _messages);

    internal void MessageDropped() => Interlocked.Increment(ref _messagesDropped);

    internal void BytesReceived(long count)
    {
        Interlocked.Add(ref _bytes, count);
        Volatile.Write(ref _lastBytes, count);
    }
}

/// <summary>Counters of one transport of spans.</summary>
public sealed class TransportMetrics(string name) : MessageMetrics(name)
{
    long _spans, _spansDropped, _lastSpans;

    public long Spans => Volatile.Read(ref _spans);

    public long SpansDropped => Volatile.Read(ref _spansDropped);

    /// <summary>Spans of the newest request.</summary>
    public long LastMessageSpans => Volatile.Read(ref _lastSpans);

    internal void SpansReceived(int count)
    {
        Interlocked.Add(ref _spans, count);
        Volatile.Write(ref _lastSpans, count);
    }

    internal void SpansLost(int count) => Interlocked.Add(ref _spansDropped, count);
}

/// <summary>
/// Counters of one transport of metrics, in data points. Each that was received ends up in one of the other four.
/// </summary>
public sealed class PointMetrics(string name) : MessageMetrics(name)
{
    long _received, _counted, _ignored, _rejected, _failed;

    public long Received => Volatile.Read(ref _received);

    /// <summary>Taken: counted, or remembered as that with which the next ones are compared.</summary>
    public long Counted => Volatile.Read(ref _counted);

    /// <summary>Of metrics that are not taken.</summary>
    public long Ignored => Volatile.Read(ref _ignored);

    /// <summary>Bad ones.</summary>
    public long Rejected => Volatile.Read(ref _rejected);

    /// <summary>Those that the store did not take.</summary>
    public long Failed => Volatile.Read(ref _failed);

    internal void PointsReceived(int points, int ignored)
    {
        Interlocked.Add(ref _received, points + ignored);
        Interlocked.Add(ref _ignored, ignored);
    }

    internal void PointsCounted(int count) => Interlocked.Add(ref _counted, count);

    internal void PointsRejected(int count) => Interlocked.Add(ref _rejected, count);

    internal void PointsFailed(int count) => Interlocked.Add(ref _failed, count);
}
