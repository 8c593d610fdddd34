using FsCheck;
using FsCheck.Fluent;
using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Tests.Model;
using Xunit;

namespace Tracing.Tests.Wire;

public class OtlpProtobufTests
{
    [Fact]
    public void Spans_encoded_and_decoded_are_the_same() =>
        Prop.ForAll(SpanGen.OtlpSpans.ToArbitrary(), spans =>
        {
            var decoded = OtlpProtobuf.Decode(OtlpProtobuf.Encode(spans), WireLimits.Default);
            Assert.Equal(0, decoded.Rejected);
            AssertSameSpans(spans, decoded.Spans);
        }).QuickCheckThrowOnFailure();

    // spans come out grouped by resource and scope
    internal static void AssertSameSpans(IEnumerable<Span> expected, IEnumerable<Span> actual) =>
        Assert.Equal(Grouped(expected), actual);

    static IEnumerable<Span> Grouped(IEnumerable<Span> spans) =>
        spans.GroupBy(span => span.Resource).SelectMany(same => same.GroupBy(span => span.Scope)).SelectMany(same => same);
}
