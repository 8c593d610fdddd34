using Tracing.Model;
using Tracing.Model.Wire;
using Xunit;

namespace Tracing.Tests;

public sealed class ZipkinTextTests
{
    [Theory]
    [InlineData(" \t\r\n\0\u001fx \0", "x")]
    [InlineData("x\u00a0", "x\u00a0")]
    [InlineData("\u3000x", "\u3000x")]
    [InlineData("x\u0085", "x\u0085")]
    [InlineData("\u2003 x", "\u2003 x")]
    [InlineData(" \u0001", "")]
    [InlineData("", "")]
    public void Blanks_are_cut_as_java_cuts_them(string text, string expected) =>
        Assert.Equal(expected, ZipkinText.Trim(text));

    [Theory]
    [InlineData("+5", 5L)]
    [InlineData("-5", -5L)]
    [InlineData("\u0665\uff15", 55L)]
    [InlineData("9223372036854775807", long.MaxValue)]
    [InlineData("9223372036854775808", null)]
    [InlineData("5\0", null)]
    [InlineData(" 5", null)]
    [InlineData("5.0", null)]
    [InlineData("", null)]
    public void Numbers_are_read_as_java_reads_them(string text, long? expected) =>
        Assert.Equal(expected, ZipkinText.TryParse<long>(text, out var number) ? number : null);

    [Theory]
    [InlineData("server", SpanKind.Server)]
    [InlineData("SERVER", SpanKind.Server)]
    [InlineData("server,client", null)]
    [InlineData("2", null)]
    [InlineData("+2", null)]
    [InlineData(" server", null)]
    [InlineData("", null)]
    public void Members_are_known_by_their_names_only(string text, SpanKind? expected) =>
        Assert.Equal(expected, EnumNames.TryParse<SpanKind>(text, out var kind) ? kind : null);

    [Theory]
    [InlineData("\"a\": {\"b\":1}", "a")]
    [InlineData("\"a\\\": {\": {\"b\":1}", "a\": {")]
    [InlineData("\"\": {}", "")]
    [InlineData("a: {}", null)]
    [InlineData("\"a\"", null)]
    public void The_event_of_an_annotation_is_known(string annotation, string? expected) =>
        Assert.Equal(expected, ZipkinMapping.EventNameOf(annotation));
}
