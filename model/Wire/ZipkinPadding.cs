namespace Tracing.Model.Wire;

/// <summary>
/// An accident of Zipkin that its recorded answers show: for U+2028 and U+2029 in a text that also holds other
/// characters beyond ASCII it reserves two bytes more than it writes, and they follow its answer as zero bytes.
/// <see cref="ZipkinJson.Encode"/> leaves them out; who must answer byte for byte appends them to the whole body.
/// </summary>
static class ZipkinPadding
{
    const int BytesEach = 2;
    const string LineEnds = "\u2028\u2029";

    /// <summary>How many zero bytes Zipkin sends after these spans.</summary>
    public static int Count(IReadOnlyList<Span> spans)
    {
        var count = 0;
        for (var i = 0; i < spans.Count; i++)
        {
            var span = ZipkinMapping.ToZipkin(spans[i]);
            count += Count(span.Name) + Count(span.LocalEndpoint?.ServiceName) + Count(span.RemoteEndpoint?.ServiceName);
            foreach (var annotation in span.Events)
                count += Count(annotation.Name);
            foreach (var (key, value) in span.Attributes)
                count += Count(key) + Count(value.AsString());
        }
        return count;
    }

    static int Count(ReadOnlySpan<char> text)
    {
        if (text.IndexOfAny(LineEnds) < 0)
            return 0;
        var (ends, others) = (0, false);
        foreach (var c in text)
        {
            if (LineEnds.Contains(c))
                ends++;
            else
                others |= !char.IsAscii(c);
        }
        return others ? ends * BytesEach : 0;
    }
}
