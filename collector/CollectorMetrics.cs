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
}

/// <summary>Counters of one transport. A message is one request.</summary>
public sealed class TransportMetrics(string name)
{
    long _messages, _messagesDropped, _bytes, _spans, _spansDropped, _lastSpans, _lastBytes;

    public string Name { get; } = name;

    public long Messages => Volatile.Read(ref _messages);

    /// <summary>Requests refused as malformed, too large or because the store could not take them.</summary>
    public long MessagesDropped => Volatile.Read(ref _messagesDropped);

    /// <summary>Bytes of bodies after decompression.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    public long Spans => Volatile.Read(ref _spans);

    public long SpansDropped => Volatile.Read(ref _spansDropped);

    /// <summary>Spans of the newest request.</summary>
    public long LastMessageSpans => Volatile.Read(ref _lastSpans);

    /// <summary>Bytes of the newest request.</summary>
    public long LastMessageBytes => Volatile.Read(ref _lastBytes);

    internal void MessageReceived() => Interlocked.Increment(ref _messages);

    internal void MessageDropped() => Interlocked.Increment(ref _messagesDropped);

    internal void BytesReceived(long count)
    {
        Interlocked.Add(ref _bytes, count);
        Volatile.Write(ref _lastBytes, count);
    }

    internal void SpansReceived(int count)
    {
        Interlocked.Add(ref _spans, count);
        Volatile.Write(ref _lastSpans, count);
    }

    internal void SpansLost(int count) => Interlocked.Add(ref _spansDropped, count);
}
