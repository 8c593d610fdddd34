namespace Tracing.Model.Wire;

/// <summary>The spans of one body: the good ones, and what is to be said of the rejected.</summary>
sealed class OtlpSpanList(WireLimits limits)
{
    // a name in a message; whoever sent a longer one knows it by its beginning
    const int LongestName = 100;

    readonly List<Span> _spans = [];
    int _rejected;
    string? _reason;

    /// <summary>How many good spans there are.</summary>
    public int Count => _spans.Count;

    public DecodedSpans ToDecoded(string? warning = null) => new(_spans, _rejected, _reason ?? warning);

    /// <summary>Makes room for so many more, or refuses the body when they are too many.</summary>
    public void Expect(int more, long offset)
    {
        if (more > limits.MaxSpans - _spans.Count - _rejected)
            throw new WireException($"TooLarge: more than {limits.MaxSpans} spans in one request", offset);
        _spans.EnsureCapacity(_spans.Count + more);
    }

    public void Add(Span span) => _spans.Add(span);

    public void Reject(OtlpSpanBuilder span)
    {
        _rejected++;
        _reason ??= $"Span \"{Shorten(span.Name)}\": {span.Problem} at byte {span.ProblemOffset}";
    }

    static string Shorten(string name) => name.Length > LongestName ? name[..LongestName] + "..." : name;

    /// <summary>Spans from <paramref name="first"/> on were decoded before their resource and scope were complete.</summary>
    public void Correct(int first, Resource resource, InstrumentationScope? scope)
    {
        for (var i = first; i < _spans.Count; i++)
            _spans[i] = _spans[i] with { Resource = resource, Scope = scope ?? _spans[i].Scope };
    }
}
