using System.Collections.Concurrent;
using System.IO.Compression;

namespace Tracing.LoadGenerator;

/// <summary>The body of one request. Its bytes may be used until it is given back.</summary>
sealed record Body(byte[] Bytes, int Length, int Spans)
{
    public ReadOnlyMemory<byte> Content => Bytes.AsMemory(0, Length);
}

/// <summary>
/// Bodies as exporters send them: each holds the spans of one service instance, in order of time, so that a trace
/// arrives in about 4 pieces. Every body is different; the same seed and end give the same bodies in the same order.
/// As many as fit into some memory are prepared ahead; later ones are assembled when they are asked for, which costs
/// a fraction of a microsecond a span, and compressed then if they should be.
/// </summary>
sealed class BodySource
{
    readonly LoadOptions _options;
    readonly BodyFormat _format;
    readonly Workload _workload;
    readonly long _startMicros;
    readonly long _windowMicros;
    readonly ByteWriter[] _spans;
    readonly int[] _spanCounts;
    readonly ByteWriter _assembled = new(1 << 20);
    readonly Queue<Body> _full = [];
    readonly Queue<Body> _prepared = [];
    readonly ConcurrentBag<byte[]> _unusedBuffers = [];
    readonly Lock _lock = new();
    int _tracesDrawn;

    public BodySource(LoadOptions options, Vocabulary vocabulary, BodyFormat format)
    {
        _options = options;
        _format = format;
        _workload = new Workload(vocabulary, options.Instances, options.Seed);
        _windowMicros = (long)options.Window.TotalMicroseconds;
        _startMicros = (options.EndMillis * 1000) - _windowMicros;
        var senders = Vocabulary.Services.Count * options.Instances;
        _spans = [.. Enumerable.Range(0, senders).Select(_ => new ByteWriter(1 << 16))];
        _spanCounts = new int[senders];
    }

    /// <summary>How many bodies are waiting that were prepared ahead.</summary>
    public int PreparedCount => _prepared.Count;

    /// <summary>Bytes of the bodies that were prepared ahead, compressed if they are sent so.</summary>
    public long PreparedBytes { get; private set; }

    /// <summary>Readies bodies until they take so much memory, or all are ready.</summary>
    public void Prepare(long maxBytes)
    {
        while (PreparedBytes < maxBytes && Assemble() is { } body)
        {
            if (_options.Gzip)
                body = Compress(body);
            PreparedBytes += body.Bytes.Length;
            _prepared.Enqueue(body);
        }
    }

    /// <summary>The next body; null when there is none left. For several threads at once.</summary>
    public Body? Next()
    {
        Body? body;
        lock (_lock)
        {
            if (_prepared.TryDequeue(out var prepared))
                return prepared;
            body = Assemble();
        }
        return body is not null && _options.Gzip ? Compress(body) : body;
    }

    /// <summary>Lets the memory of a body be used again.</summary>
    public void GiveBack(Body body) => _unusedBuffers.Add(body.Bytes);

    Body? Assemble()
    {
        while (_full.Count == 0 && _tracesDrawn < _options.Traces)
            AddTrace();
        if (_full.Count == 0)
        {
            for (var sender = 0; sender < _spans.Length; sender++)
                Finish(sender);
        }
        return _full.TryDequeue(out var body) ? body : null;
    }

    void AddTrace()
    {
        _workload.DrawTrace(_startMicros + (long)((double)_windowMicros * _tracesDrawn / _options.Traces));
        _tracesDrawn++;
        foreach (var span in _workload.Spans)
        {
            var sender = (span.Operation.Service * _options.Instances) + span.Instance;
            _format.WriteSpan(_spans[sender], _workload.TraceId, span);
            if (++_spanCounts[sender] == _options.Batch)
                Finish(sender);
        }
    }

    void Finish(int sender)
    {
        if (_spanCounts[sender] == 0)
            return;
        _assembled.Clear();
        var (service, instance) = Math.DivRem(sender, _options.Instances);
        _format.WriteBody(_assembled, service, instance, _spans[sender].Written);
        var bytes = Buffer(_assembled.Length);
        _assembled.Written.CopyTo(bytes);
        _full.Enqueue(new Body(bytes, _assembled.Length, _spanCounts[sender]));
        _spans[sender].Clear();
        _spanCounts[sender] = 0;
    }

    byte[] Buffer(int length) =>
        _unusedBuffers.TryTake(out var unused) && unused.Length >= length ? unused : new byte[length];

    Body Compress(Body body)
    {
        using var compressed = new MemoryStream(body.Length / 4);
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write(body.Content.Span);
        GiveBack(body);
        return new Body(compressed.ToArray(), (int)compressed.Length, body.Spans);
    }
}
