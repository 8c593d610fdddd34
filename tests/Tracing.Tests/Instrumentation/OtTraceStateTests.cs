using Tracing.Model;
using Xunit;

namespace Tracing.Tests.Instrumentation;

/// <summary>Thresholds as OpenTelemetry's specification of probability sampling has them.</summary>
public sealed class OtTraceStateTests
{
    // the specification's table at four digits
    [Theory]
    [InlineData(1, "0")]
    [InlineData(0.5, "8")]
    [InlineData(0.25, "c")]
    [InlineData(0.125, "e")]
    [InlineData(1 / 3.0, "aaab")]
    [InlineData(2 / 3.0, "5555")]
    [InlineData(0.1, "e666")]
    [InlineData(0.01, "fd70a")]
    [InlineData(0.001, "ffbe77")]
    [InlineData(0.0001, "fff9724")]
    [InlineData(1 / 16.0, "f")]
    [InlineData(1 / 1024.0, "ffc")]
    public void Probabilities_become_thresholds(double probability, string digits)
    {
        var threshold = OtTraceState.ThresholdOf(probability);

        Assert.Equal(digits, OtTraceState.Hex(threshold));
        Assert.Equal(probability, OtTraceState.ProbabilityOf(threshold), probability * 0.0001);
        Assert.True(OtTraceState.TryReadThreshold($"a=b,ot=rv:00000000000001;th:{digits}", out var read));
        Assert.Equal(threshold, read);
    }

    [Fact]
    public void What_56_bits_cannot_say_is_never()
    {
        Assert.Equal(OtTraceState.Range, OtTraceState.ThresholdOf(0));
        Assert.Equal(OtTraceState.Range, OtTraceState.ThresholdOf(1e-18));
        Assert.Equal(OtTraceState.Range - 1, OtTraceState.ThresholdOf(Math.Pow(2, -56)));
        Assert.Throws<ArgumentOutOfRangeException>(() => OtTraceState.ThresholdOf(1.1));
    }

    [Theory]
    [InlineData("ot=th:")]
    [InlineData("ot=th:123456789012345")]
    [InlineData("ot=th:C")]
    [InlineData("ot=th:-1")]
    [InlineData("ot=rv:c")]
    [InlineData("xot=th:c")]
    [InlineData("")]
    public void A_malformed_threshold_is_none(string state) =>
        Assert.False(OtTraceState.TryReadThreshold(state, out _));

    [Theory]
    [InlineData("ot=rv:6e6d1a75832a2f;th:c", true)]
    [InlineData("ot=rv:6e6d1a75832a2", false)]
    [InlineData("ot=rv:6e6d1a75832a2f0", false)]
    public void Randomness_has_exactly_14_digits(string state, bool isRead) =>
        Assert.Equal(isRead, OtTraceState.TryReadRandomness(state, out _));

    [Theory]
    [InlineData("", "th", "c", "ot=th:c")]
    [InlineData("a=1", "th", "c", "ot=th:c,a=1")]
    [InlineData("a=1,ot=rv:6e6d1a75832a2f;th:8,b=2", "th", "c", "ot=th:c;rv:6e6d1a75832a2f,a=1,b=2")]
    [InlineData("a=1,ot=th:8", "th", null, "a=1")]
    [InlineData("ot=th:8;x:y", "th", null, "ot=x:y")]
    public void A_field_is_set_and_all_else_kept(string state, string key, string? value, string expected) =>
        Assert.Equal(expected, OtTraceState.With(state, key, value));
}
