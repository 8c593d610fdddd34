using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Tracing.Query;

/// <summary>The shapes of Zipkin's answers other than traces.</summary>
static class ZipkinAnswers
{
    // leaves letters beyond ASCII and characters special to HTML as they are, as Zipkin does
    static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void WriteNames(IBufferWriter<byte> output, IReadOnlyList<string> names)
    {
        using var json = new Utf8JsonWriter(output, Plain);
        json.WriteStartArray();
        foreach (var name in names)
            json.WriteStringValue(name);
        json.WriteEndArray();
    }

    public static void WriteLinks(IBufferWriter<byte> output, IReadOnlyList<DependencyLink> links)
    {
        using var json = new Utf8JsonWriter(output, Plain);
        json.WriteStartArray();
        foreach (var link in links)
        {
            json.WriteStartObject();
            json.WriteString("parent", link.Parent);
            json.WriteString("child", link.Child);
            json.WriteNumber("callCount", link.CallCount);
            if (link.ErrorCount > 0)
                json.WriteNumber("errorCount", link.ErrorCount);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
