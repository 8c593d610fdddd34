using System.Buffers;
using System.Diagnostics;
using Tracing.Model.Wire;

namespace Tracing.Instrumentation;

/// <summary>
/// Zipkin's formats, made of OTLP's: the mapping between the two is the model's, and who asks for Zipkin's asks for
/// less than the least cost.
/// </summary>
sealed class ZipkinSpanBody(TracingOptions options, SourceNames sources, int maxSpanBytes) : SpanBody
{
    readonly ReportTarget _target = options.Traces;
    readonly OtlpSpanBody _spans = new(
        new OtlpResource(options), options.Traces with { Format = ReportFormat.Otlp }, sources, maxSpanBytes);

    public override int Length => _spans.Length;

    public override bool IsFull => _spans.IsFull;

    public override void Add(Activity span, string? state = null)
    {
        _spans.Add(span, state);
        Count++;
    }

    public override Body Take()
    {
        var otlp = _spans.Take();
        var decoded = OtlpProtobuf.Decode(otlp.Buffer.AsMemory(0, otlp.Length), WireLimits.Default).Spans.ConvertAll(
            span => span with { Debug = span.TraceState.Contains(B3.DebugState, StringComparison.Ordinal) });
        ArrayPool<byte>.Shared.Return(otlp.Buffer);
        Count = 0;
        if (_target.Format == ReportFormat.ZipkinProto)
            return BodyOf("application/x-protobuf", ZipkinProto3.Encode(decoded), decoded.Count);
        var json = new ArrayBufferWriter<byte>();
        ZipkinJson.Encode(json, decoded);
        return BodyOf("application/json", json.WrittenSpan, decoded.Count);
    }

    Body BodyOf(string contentType, ReadOnlySpan<byte> content, int spans)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(content.Length);
        content.CopyTo(buffer);
        return new Body(_target, contentType, buffer, content.Length, spans);
    }

    public override void Dispose() => _spans.Dispose();
}
