using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Storage;

namespace Tracing.Query;

/// <summary>The shapes of Zipkin's answers.</summary>
static class ZipkinAnswers
{
    // leaves letters beyond ASCII and characters special to HTML as they are, as Zipkin does
    static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void WriteNames(IBufferWriter<byte> output, IReadOnlyList<string> names)
    {
        var json = new ZipkinJsonWriter(output);
        json.Names(names);
        json.Flush();
    }

    public static void WriteTraces(IBufferWriter<byte> output, IReadOnlyList<IReadOnlyList<Span>> traces)
    {
        output.Write("["u8);
        for (var i = 0; i < traces.Count; i++)
        {
            if (i > 0)
                output.Write(","u8);
            ZipkinJson.Encode(output, traces[i]);
        }
        output.Write("]"u8);
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
