using System.Buffers;
using Tracing.Model;

namespace Tracing.Tests;

/// <summary>Bodies as the encoders write them.</summary>
static class Written
{
    public static byte[] OtlpJson(IReadOnlyList<Span> spans) => By(Tracing.Model.Wire.OtlpJson.Encode, spans);

    public static byte[] ZipkinJson(IReadOnlyList<Span> spans) => By(Tracing.Model.Wire.ZipkinJson.Encode, spans);

    static byte[] By(Action<IBufferWriter<byte>, IReadOnlyList<Span>> encode, IReadOnlyList<Span> spans)
    {
        var output = new ArrayBufferWriter<byte>();
        encode(output, spans);
        return output.WrittenSpan.ToArray();
    }
}
