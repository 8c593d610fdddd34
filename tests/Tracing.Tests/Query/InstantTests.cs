using Tracing.Query;
using Xunit;

namespace Tracing.Tests;

public sealed class InstantTests
{
    const ulong Second = 1_767_312_000_000_000_000;

    [Theory]
    [InlineData("1767312000.123456789", Second + 123_456_789)]
    [InlineData("2026-01-02T00:00:00.123456789Z", Second + 123_456_789)]
    [InlineData("2026-01-02T00:00:00.123456789999Z", Second + 123_456_789)]
    [InlineData("2026-01-02T02:00:00.000000001+02:00", Second + 1)]
    [InlineData("2026-01-01T23:30:00.5-00:30", Second + 500_000_000)]
    [InlineData("2026-01-02t00:00:00.1z", Second + 100_000_000)]
    [InlineData("2026-01-02 00:00:00Z", Second)]
    [InlineData("2026-01-02T00:00:00", Second)]
    [InlineData("2026-01-02T00:00Z", Second)]
    [InlineData("2026-01-02", Second)]
    [InlineData("1970-01-01T00:00:00.000000001Z", 1)]
    [InlineData("9999-12-31T23:59:59.999999999Z", ulong.MaxValue)]
    public void An_instant_is_read_to_the_nanosecond(string text, ulong nanos) =>
        Assert.Equal(nanos, SearchParameters.Instant("start", text));

    [Theory]
    [InlineData("12:00")]
    [InlineData("01/02/2026")]
    [InlineData("Fri, 02 Jan 2026 00:00:00 GMT")]
    [InlineData("2026-01-02T00:00:00.Z")]
    [InlineData("2026-13-02T00:00:00Z")]
    [InlineData(" 2026-01-02T00:00:00Z")]
    [InlineData("1969-12-31T23:59:59Z")]
    [InlineData("1767312000\0")]
    [InlineData("\u0661")]
    public void What_is_no_instant_is_refused(string text) =>
        Assert.Throws<BadParameterException>(() => SearchParameters.Instant("start", text));
}
