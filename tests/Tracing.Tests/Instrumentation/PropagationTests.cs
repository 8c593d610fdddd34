using System.Diagnostics;
using Tracing.Instrumentation;
using Xunit;

namespace Tracing.Tests.Instrumentation;

/// <summary>What comes in and goes out with a request, by the rules of W3C and B3.</summary>
[Collection(nameof(TracerCollection))]
public sealed class PropagationTests
{
    const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    const string SpanOf = "00f067aa0ba902b7";
    const string Parent = $"00-{Trace}-{SpanOf}-01";

    [Theory]
    [InlineData(Parent, true)]
    [InlineData($"00-{Trace}-{SpanOf}-00", false)]
    // flags that are not known mean nothing
    [InlineData($"00-{Trace}-{SpanOf}-ff", true)]
    [InlineData($"00-{Trace}-{SpanOf}-02", false)]
    // later versions are read as far as they are known
    [InlineData($"cc-{Trace}-{SpanOf}-01", true)]
    [InlineData($"cc-{Trace}-{SpanOf}-01-what-the-future-will-be-like", true)]
    public void Traceparent_is_read(string header, bool isSampled)
    {
        var context = Extract(("traceparent", header)).Context;

        Assert.Equal((Trace, SpanOf), (context.TraceId.ToHexString(), context.SpanId.ToHexString()));
        Assert.Equal(isSampled, context.TraceFlags == ActivityTraceFlags.Recorded);
        Assert.True(context.IsRemote);
    }

    [Theory]
    [InlineData("")]
    [InlineData("00")]
    [InlineData($"00-{Trace}-{SpanOf}")]
    [InlineData($"00-{Trace}-{SpanOf}-1")]
    [InlineData($"00-{Trace}-{SpanOf}-01-")]
    [InlineData($"00-{Trace}-{SpanOf}-01-what-the-future-will-be-like")]
    [InlineData($"cc-{Trace}-{SpanOf}-01.what-the-future-will-be-like")]
    [InlineData($"ff-{Trace}-{SpanOf}-01")]
    [InlineData($"0-{Trace}-{SpanOf}-01")]
    [InlineData($".0-{Trace}-{SpanOf}-01")]
    [InlineData($"00-00000000000000000000000000000000-{SpanOf}-01")]
    [InlineData($"00-{Trace}-0000000000000000-01")]
    [InlineData($"00-.bf92f3577b34da6a3ce929d0e0e4736-{SpanOf}-01")]
    [InlineData($"00-{Trace}-.0f067aa0ba902b7-01")]
    [InlineData($"00-{Trace}-{SpanOf}-.0")]
    [InlineData("00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01")]
    [InlineData($"{Parent},{Parent}")]
    public void A_malformed_traceparent_is_as_if_it_had_not_come(string header) =>
        Assert.Equal(default, Extract(("traceparent", header), ("tracestate", "foo=1")).Context);

    [Theory]
    [InlineData("foo=1", "foo=1")]
    [InlineData("foo=1,bar=2", "foo=1,bar=2")]
    [InlineData("foo=1 \t , \tbar=2, \t baz=3", "foo=1,bar=2,baz=3")]
    [InlineData("foo=1,,bar=2,", "foo=1,bar=2")]
    [InlineData("foo-_*/bar@bar-_*/=1", "foo-_*/bar@bar-_*/=1")]
    [InlineData("1a-2f@foo=bar1", "1a-2f@foo=bar1")]
    [InlineData("foo=1 2", "foo=1 2")]
    [InlineData("", null)]
    [InlineData("foo", null)]
    [InlineData("foo=", null)]
    [InlineData("foo=1=2", null)]
    [InlineData("foo =1", null)]
    [InlineData("FOO=1", null)]
    [InlineData("foo.bar=1", null)]
    [InlineData("foo@=1,bar=2", null)]
    [InlineData("@foo=1,bar=2", null)]
    [InlineData("foo@@bar=1", null)]
    [InlineData("foo=1,foo=1", null)]
    [InlineData("foo=1,bar=2,foo=3", null)]
    public void A_malformed_tracestate_is_left_out_alone(string header, string? state)
    {
        var context = Extract(("traceparent", Parent), ("tracestate", header)).Context;

        Assert.Equal(Trace, context.TraceId.ToHexString());
        Assert.Equal(state, context.TraceState);
    }

    [Theory]
    [InlineData(32, true)]
    [InlineData(33, false)]
    public void A_tracestate_has_32_members_at_most(int members, bool isKept)
    {
        var state = string.Join(',', Enumerable.Range(1, members).Select(i => $"bar{i:D2}={i:D2}"));

        Assert.Equal(isKept ? state : null,
            Extract(("traceparent", Parent), ("tracestate", state)).Context.TraceState);
    }

    [Theory]
    [InlineData($"{Trace}-{SpanOf}-1", Trace, true, null)]
    [InlineData($"{Trace}-{SpanOf}-0", Trace, false, null)]
    [InlineData($"{Trace}-{SpanOf}-d", Trace, true, "b3=d")]
    [InlineData($"{Trace}-{SpanOf}", Trace, false, "b3=u")]
    [InlineData($"{Trace}-{SpanOf}-1-05e3ac9a4f6e3b90", Trace, true, null)]
    [InlineData($"a3ce929d0e0e4736-{SpanOf}-1", "0000000000000000a3ce929d0e0e4736", true, null)]
    [InlineData("4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-1", Trace, true, null)]
    public void B3_single_is_read(string header, string trace, bool isSampled, string? state)
    {
        var context = Extract(("b3", header)).Context;

        Assert.Equal((trace, SpanOf), (context.TraceId.ToHexString(), context.SpanId.ToHexString()));
        Assert.Equal((isSampled, state), (context.TraceFlags == ActivityTraceFlags.Recorded, context.TraceState));
    }

    [Theory]
    [InlineData("")]
    [InlineData("b")]
    [InlineData("2")]
    [InlineData("-1")]
    [InlineData(Trace)]
    [InlineData($"{Trace}-")]
    [InlineData($"{Trace}-{SpanOf}-")]
    [InlineData($"{Trace}-{SpanOf}-9")]
    [InlineData($"{Trace}-{SpanOf}-true")]
    [InlineData($"{Trace}-{SpanOf}-1-")]
    [InlineData($"{Trace}-{SpanOf}-1-05e3ac9a4f6e3b9")]
    [InlineData($"{Trace}-{SpanOf}-1-05e3ac9a4f6e3b90-1")]
    [InlineData($"{Trace}-{SpanOf}-1-05e3ac9a4f6e3b9x")]
    [InlineData($"4bf92f3577b34da6a3ce929d0e0e473-{SpanOf}-1")]
    [InlineData($"4bf92f3577b34da6a3ce929d0e0e473x-{SpanOf}-1")]
    [InlineData($"00000000000000000000000000000000-{SpanOf}-1")]
    [InlineData($"{Trace}-0000000000000000-1")]
    public void A_malformed_b3_is_as_if_it_had_not_come(string header) =>
        Assert.Equal(default, Extract(("b3", header)).Context);

    [Theory]
    [InlineData("0", false, null)]
    [InlineData("1", true, null)]
    [InlineData("d", true, "b3=d")]
    public void B3_decides_of_a_trace_that_has_no_ids_yet(string header, bool isSampled, string? state)
    {
        var context = Extract(("b3", header)).Context;

        Assert.NotEqual(default, context.TraceId);
        Assert.Equal((isSampled, state), (context.TraceFlags == ActivityTraceFlags.Recorded, context.TraceState));
    }

    [Theory]
    [InlineData("1", null, true, null)]
    [InlineData("true", null, true, null)]
    [InlineData("0", null, false, null)]
    [InlineData("false", null, false, null)]
    [InlineData(null, null, false, "b3=u")]
    [InlineData(null, "1", true, "b3=d")]
    [InlineData("0", "1", true, "b3=d")]
    public void B3_multi_is_read(string? sampled, string? flags, bool isSampled, string? state)
    {
        var context = Extract(("X-B3-TraceId", Trace), ("X-B3-SpanId", SpanOf), ("X-B3-Sampled", sampled),
            ("X-B3-Flags", flags)).Context;

        Assert.Equal((Trace, SpanOf), (context.TraceId.ToHexString(), context.SpanId.ToHexString()));
        Assert.Equal((isSampled, state), (context.TraceFlags == ActivityTraceFlags.Recorded, context.TraceState));
    }

    [Fact]
    public void Of_several_headers_w3c_comes_first_then_b3_single()
    {
        const string Other = "11111111111111112222222222222222";
        Assert.Equal(Trace, Extract(("traceparent", Parent), ("b3", $"{Other}-{SpanOf}-1"))
            .Context.TraceId.ToHexString());
        Assert.Equal(Trace, Extract(("b3", $"{Trace}-{SpanOf}-1"), ("X-B3-TraceId", Other), ("X-B3-SpanId", SpanOf))
            .Context.TraceId.ToHexString());
        Assert.Equal(Trace, Extract(("traceparent", "broken"), ("b3", $"{Trace}-{SpanOf}-1"))
            .Context.TraceId.ToHexString());
    }

    [Theory]
    [InlineData(PropagationFormats.TraceContext, "traceparent,tracestate,baggage")]
    [InlineData(PropagationFormats.B3Single, "b3,baggage")]
    [InlineData(PropagationFormats.B3Multi, "X-B3-TraceId,X-B3-SpanId,X-B3-ParentSpanId,X-B3-Sampled,baggage")]
    [InlineData(PropagationFormats.TraceContext | PropagationFormats.B3Single, "traceparent,tracestate,b3,baggage")]
    public void What_is_written_is_read_again(PropagationFormats formats, string headers)
    {
        using var span = new Activity("call").SetParentId(Parent)
            .AddBaggage("user", "ä b").AddBaggage("n", "1").Start();
        span.TraceStateString = "ot=th:c";
        var carrier = new Dictionary<string, string>();

        Propagation.Inject(span, carrier, static (to, name, value) => to[name] = value, formats);
        var (context, baggage) = Extract([.. carrier.Select(each => (each.Key, (string?)each.Value))]);

        Assert.Equal(headers.Split(','), carrier.Keys);
        Assert.Equal((span.TraceId, span.SpanId, span.ActivityTraceFlags),
            (context.TraceId, context.SpanId, context.TraceFlags));
        Assert.Equal(["n=1", "user=ä b"], baggage!.Select(each => $"{each.Key}={each.Value}").Order());
    }

    [Fact]
    public void Short_ids_and_debugging_go_on_over_b3_and_w3c()
    {
        using var span = new Activity("call").SetParentId($"00-0000000000000000a3ce929d0e0e4736-{SpanOf}-01").Start();
        span.TraceStateString = "b3=d";
        var carrier = new Dictionary<string, string>();

        Propagation.Inject(span, carrier, static (to, name, value) => to[name] = value, (PropagationFormats)7);

        Assert.Equal($"a3ce929d0e0e4736-{span.SpanId}-d", carrier["b3"]);
        Assert.Equal(("a3ce929d0e0e4736", "1"), (carrier["X-B3-TraceId"], carrier["X-B3-Flags"]));
        Assert.False(carrier.ContainsKey("X-B3-Sampled"));
        Assert.Equal("b3=d", carrier["tracestate"]);
    }

    [Theory]
    [InlineData("a=1", "a=1")]
    [InlineData("a=1;ttl=5;x , b = 2 ", "a=1|b=2")]
    [InlineData("a=%20%C3%A4", "a= ä")]
    [InlineData("a=1,broken,=2,b(c=3,d=4", "a=1|d=4")]
    [InlineData("cl\u00e9=1,k\u007f=2,d=4", "d=4")]
    public void Baggage_is_read_as_far_as_it_is_well_formed(string header, string entries) => Assert.Equal(
        entries, string.Join('|', Extract(("baggage", header)).Baggage!.Select(each => $"{each.Key}={each.Value}")));

    [Fact]
    public void Nothing_malformed_throws()
    {
        var random = new Random(7);
        var letters = "0123456789abcdef-=,;@ d%\u00e4\ud800";
        foreach (var header in new[] { "traceparent", "tracestate", "b3", "baggage", "X-B3-TraceId", "X-B3-Sampled" })
        {
            for (var i = 0; i < 2000; i++)
            {
                var text = new string(random.GetItems<char>(letters, random.Next(80)));
                Extract((header, text), ("traceparent", header == "tracestate" ? Parent : text),
                    ("X-B3-SpanId", SpanOf));
            }
        }
    }

    static Extracted Extract(params (string Name, string? Value)[] headers) => Propagation.Extract(headers,
        static (from, name) => Array.Find(from, each => each.Name == name).Value);
}
