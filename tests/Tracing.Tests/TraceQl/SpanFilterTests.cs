using Tracing.Model;
using Tracing.Storage.TraceQl;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

public sealed class SpanFilterTests
{
    [Fact]
    public void Queries_are_accepted_and_refused_as_recorded()
    {
        var cases = TraceQlKit.Parse();
        Assert.True(cases.Count > 600, $"only {cases.Count} cases");
        Assert.Equal("", string.Join('\n', cases
            .Where(c => !c.IsOptional && c.IsValid != (ErrorOf(c.Query) is null))
            .Select(c => $"{c.Query}: valid {c.IsValid}, but {ErrorOf(c.Query)}")));
    }

    [Fact]
    public void Queries_find_what_is_recorded()
    {
        var sets = TraceQlKit.Sets();
        var cases = TraceQlKit.Semantics();
        Assert.True(cases.Count > 300, $"only {cases.Count} cases");
        Assert.Equal("", string.Join('\n',
            from c in cases
            let found = Find(sets[c.Set], c.Query)
            where !c.Answers.Contains(found)
            select $"{c.Set}: {c.Query}: expected {c.Answers[0]}, found {found}"));
    }

    static string Find(Dictionary<string, Span> spans, string query)
    {
        var filter = SpanFilter.Parse(query);
        var traces = spans.Values.GroupBy(span => span.TraceId)
            .ToDictionary(trace => trace.Key, trace => new TraceFacts([.. trace]));
        return TraceQlKit.Join(spans
            .Where(pair => filter.Matches(pair.Value, traces[pair.Value.TraceId])).Select(pair => pair.Key));
    }

    static string? ErrorOf(string query)
    {
        try
        {
            SpanFilter.Parse(query);
            return null;
        }
        catch (TraceQlException e)
        {
            return $"{e.Column}: {e.Message}";
        }
    }

    [Theory]
    [InlineData("", "1: expected '{', since a query is a span filter { ... }, but found the end of the query")]
    [InlineData("name", "1: expected '{', since a query is a span filter { ... }, but found 'name'")]
    [InlineData("{ .a = }", "8: expected an attribute, a field or a value, but found '}'")]
    [InlineData("{ .a = 1", "9: expected an operator or '}', but found the end of the query")]
    [InlineData("{ (.a = 1 }", "11: expected an operator or ')', but found '}'")]
    [InlineData("{ name = 5 }", "10: a value of type text does not compare with one of type integer")]
    [InlineData("{ 1 + name = 1 }", "7: expected a number after '+', but found a value of type text")]
    [InlineData("{ status > ok }", "3: expected a number or a text beside '>', but found a value of type status")]
    [InlineData("{ duration }", "3: expected a condition, but found a value of type duration")]
    [InlineData("{ foo = 1 }", "3: 'foo' is no known field or word; attributes are written .foo, span.foo or " +
        "resource.foo, texts in double quotes")]
    [InlineData("{ .a = 'x' }", "8: ''' has no meaning here; texts stand in double quotes, names of attributes " +
        "after a dot")]
    [InlineData("{ .a = \"x }", "8: a text has no end: expected '\"'")]
    [InlineData("{ .a =\n \"\\d\" }", "10: '\\d' is no escape; a backslash is written \\\\ or in a raw text of " +
        "backquotes")]
    [InlineData("{ .a =~ \"(\" }", "9: a regular expression is wrong: a group has no end: expected ')'")]
    [InlineData("{ .a =~ .b }", "9: expected a regular expression in quotes after '=~', but found a value of type " +
        "attribute")]
    [InlineData("{ name = nil }", "3: a field cannot be nil")]
    [InlineData("{ event:timeSinceStart = nil }", "3: a field cannot be nil")]
    [InlineData("{ .a > nil }", "6: expected '=' or '!=' for nil, but found '>'")]
    [InlineData("{ duration > 5sec }",
        "14: '5sec' is no duration; its units are ns, us, µs, μs, ms, s, m, h, d, w, y")]
    [InlineData("{ span.a } | count() > 2", "12: expected the end of the query after the span filter, but found " +
        "something else; pipelines, structural operators, metrics and hints are not supported")]
    [InlineData("{ } && { }", "5: expected the end of the query after the span filter, but found '&&'; pipelines, " +
        "structural operators, metrics and hints are not supported")]
    public void An_error_says_what_and_where(string query, string expected) =>
        Assert.Equal(expected, ErrorOf(query));

    [Theory]
    [InlineData("(", 100_000)]
    [InlineData("{(", 10_000)]
    [InlineData("{!", 10_000)]
    [InlineData("{-", 10_000)]
    [InlineData("{1^", 8_000)]
    [InlineData("{1+", 10_000)]
    [InlineData("{.a=", 8_000)]
    [InlineData("{.a||", 6_000)]
    [InlineData("{.a=~\"(((", 1_000)]
    public void Hostile_queries_are_refused(string start, int times)
    {
        var repeated = start[0] == '{' ? start[1..] : start;
        var query = start + string.Concat(Enumerable.Repeat(repeated, times));
        Assert.NotNull(ErrorOf(query));
    }

    [Theory]
    [InlineData("a.c", "a\nc", true)]
    [InlineData("a.c", "a😀c", true)]
    [InlineData("a..c", "a😀c", false)]
    [InlineData("a[^x]c", "a😀c", true)]
    [InlineData("a[😀x]c", "a😀c", true)]
    [InlineData("😀+", "😀😀", true)]
    [InlineData("a$", "a\n", false)]
    [InlineData(@"\d", "٣", false)]
    [InlineData(@"\w+", "ä", false)]
    [InlineData(@"\D", "😀", true)]
    [InlineData(@"[^\D]", "😀", false)]
    [InlineData(@"[[:alpha:]]+", "abc", true)]
    [InlineData(@"\Qa.b\E*", "a.bb", true)]
    [InlineData(@"\x{1F600}", "😀", true)]
    [InlineData(@"(?P<n>a)(?i:B)", "ab", true)]
    [InlineData("a{2}", "aa", true)]
    [InlineData("a{,2}", "a{,2}", true)]
    [InlineData("(?m)a$.b", "a\nb", true)]
    [InlineData("(a|b)*?c", "abac", true)]
    public void Patterns_mean_what_they_mean_to_RE2(string pattern, string text, bool expected)
    {
        var span = Otlp(1, name: text);
        Assert.Equal(expected, SpanFilter.Parse($"{{ name =~ `{pattern}` }}").Matches(span, new TraceFacts([span])));
    }

    [Theory]
    [InlineData("(?=a)")]
    [InlineData("(?!a)")]
    [InlineData("(?>a)")]
    [InlineData(@"(a)\1")]
    [InlineData(@"\k<n>")]
    [InlineData("a{2,1}")]
    [InlineData("a{1001}")]
    [InlineData("((a{100}){100}){100}")]
    [InlineData("*a")]
    [InlineData("a**")]
    [InlineData("[b-a]")]
    [InlineData("[a")]
    [InlineData("a)")]
    [InlineData(@"\")]
    [InlineData(@"\Z")]
    [InlineData(@"\p{Foo}")]
    public void Patterns_that_RE2_refuses_are_refused(string pattern) =>
        Assert.NotNull(ErrorOf($"{{ name =~ `{pattern}` }}"));

    [Theory]
    [InlineData("{ resource.service.name = \"frontend\" }", true)]
    [InlineData("{ resource.net.host.ip = \"10.0.0.1\" }", true)]
    [InlineData("{ .http.path = \"/\" && kind = server }", true)]
    [InlineData("{ span.peer.service = \"db\" }", true)]
    [InlineData("{ span.zipkin.shared }", true)]
    [InlineData("{ rootServiceName = \"frontend\" && nestedSetParent = -1 }", true)]
    [InlineData("{ resource.service.name = \"Frontend\" }", false)]
    public void Spans_of_Zipkin_are_seen_as_OTLP_says_them(string query, bool expected)
    {
        var span = Zipkin(1).With(Tag("http.path", "/")) with
        {
            RemoteEndpoint = new Endpoint { ServiceName = "db" },
            Shared = true,
        };
        Assert.Equal(expected, SpanFilter.Parse(query).Matches(span, new TraceFacts([span])));
    }

    [Theory]
    [InlineData("{ nestedSetLeft = 2 && nestedSetRight = 5 && nestedSetParent = 1 }", "2")]
    [InlineData("{ nestedSetLeft = 3 && nestedSetParent = 2 }", "3")]
    [InlineData("{ nestedSetLeft = 0 }", "5")]
    [InlineData("{ parent.a = 1 }", "2 4")]
    [InlineData("{ parent.span.a != nil }", "2 4")]
    [InlineData("{ parent.a = nil }", "3")]
    [InlineData("{ parent.resource.service.name = \"Frontend\" }", "2 3 4")]
    public void Other_spans_of_the_trace_are_asked(string query, string expected)
    {
        Span Child(ulong id, ulong parent, long at) =>
            Otlp(1, id: id).At(at) with { ParentSpanId = new SpanId(parent) };
        Span[] spans =
        [
            Otlp(1).With(new KeyValue("a", new AttributeValue(1))), Child(2, 1, 1), Child(3, 2, 2), Child(4, 1, 3),
            Child(5, 9, 4),
        ];
        var trace = new TraceFacts(spans);
        var filter = SpanFilter.Parse(query);
        Assert.Equal(expected, TraceQlKit.Join(
            spans.Where(span => filter.Matches(span, trace)).Select(span => $"{span.SpanId.Value}")));
    }

    [Theory]
    [InlineData("{ 7 / 2 = 3 && -7 % 4 = -3 && 2 ^ 10 = 1024 && 2 ^ -1 = 0.5 }", true)]
    [InlineData("{ -2 ^ 2 = -4 && 2 ^ 3 ^ 2 = 512 && 2 + 3 * 4 = 14 }", true)]
    [InlineData("{ maxInt + 1 > maxInt && minInt - 1 <= minInt && maxInt ^ 2 > 1e37 }", true)]
    [InlineData("{ minInt / -1 > maxInt && minInt % -1 = 0 }", true)]
    [InlineData("{ 1 / 0 = 1 || 1 / 0 != 1 || 1 % 0 = 0 }", false)]
    [InlineData("{ 1.0 / 0 > maxInt }", true)]
    [InlineData("{ (-1) ^ 9223372036854775807 = -1 && 0 ^ 0 = 1 }", true)]
    public void Arithmetic_is_exact(string query, bool expected) =>
        Assert.Equal(expected, SpanFilter.Parse(query).Matches(Otlp(1), new TraceFacts([Otlp(1)])));
}
