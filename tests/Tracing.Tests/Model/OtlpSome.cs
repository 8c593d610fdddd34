using Tracing.Model;
using Xunit;

namespace Tracing.Tests;

/// <summary>What the tests of both of OTLP's encodings need.</summary>
static class OtlpSome
{
    public static Span Span() => new() { TraceId = new TraceId(1, 2), SpanId = new SpanId(3), Name = "x" };

    public static KeyValue Text(string key, string value) => new(key, new AttributeValue(value));

    /// <summary>Arrays and maps in turn, so many within each other.</summary>
    public static AttributeValue Nested(int depth)
    {
        var value = new AttributeValue("core");
        for (var i = 0; i < depth; i++)
        {
            value = i % 2 == 0
                ? new AttributeValue([value])
                : new AttributeValue([new KeyValue("k", value)]);
        }
        return value;
    }

    /// <summary>Spans go out grouped by resource and scope, each in the order that it was first seen.</summary>
    public static void AssertSameSpans(IEnumerable<Span> expected, IEnumerable<Span> actual) =>
        Assert.Equal(
            expected.GroupBy(span => span.Resource)
                .SelectMany(same => same.GroupBy(span => span.Scope))
                .SelectMany(same => same),
            actual);
}
