using Tracing.Model;
using Xunit;

namespace Tracing.Tests;

public class KnownDurationTests
{
    [Theory]
    [InlineData(SpanOrigin.Otlp, 100UL, 130UL, 30UL, false)]
    [InlineData(SpanOrigin.Otlp, 100UL, 100UL, 0UL, false)]
    [InlineData(SpanOrigin.Otlp, 130UL, 100UL, 0UL, true)]
    [InlineData(SpanOrigin.Otlp, 0UL, 100UL, null, false)]
    [InlineData(SpanOrigin.Otlp, 100UL, 0UL, null, false)]
    [InlineData(SpanOrigin.Otlp, 0UL, 0UL, null, false)]
    [InlineData(SpanOrigin.Otlp, 1UL, ulong.MaxValue, (ulong)long.MaxValue, false)]
    [InlineData(SpanOrigin.Otlp, ulong.MaxValue, 1UL, 0UL, true)]
    [InlineData(SpanOrigin.Zipkin, 100UL, 130UL, 30UL, false)]
    // no duration, which Zipkin's spans have as a bare one when there is no start
    [InlineData(SpanOrigin.Zipkin, 100UL, 100UL, null, false)]
    [InlineData(SpanOrigin.Zipkin, 0UL, 0UL, null, false)]
    [InlineData(SpanOrigin.Zipkin, 0UL, 30UL, 30UL, false)]
    public void A_duration_is_known_or_unknown_and_never_negative(
        SpanOrigin origin, ulong start, ulong end, ulong? known, bool isInverted)
    {
        var span = new Span
        {
            TraceId = new TraceId(0, 1),
            SpanId = new SpanId(1),
            Origin = origin,
            StartUnixNano = start,
            EndUnixNano = end,
        };
        Assert.Equal(known, span.KnownDuration);
        Assert.Equal(isInverted, span.IsInverted);
    }
}
