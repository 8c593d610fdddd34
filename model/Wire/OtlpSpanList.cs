namespace Tracing.Model.Wire;

/// <summary>The spans of one body: the good ones, and what is to be said of the rejected.</summary>
sealed class OtlpSpanList(WireLimits limits)
{
    readonly List<Span> _spans = [];
    readonly Reasons _reasons = new();
    int _rejected;

    /// <summary>How many good spans there are.</summary>
    public int Count => _spans.Count;

    /// <param name="warnings">What else the sender is to be told.</param>
    public DecodedSpans ToDecoded(params ReadOnlySpan<string?> warnings) =>
        new(_spans, _rejected, Warnings.Join([_reasons.ToString(), .. warnings]));

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
        if (_reasons.HasRoom)
            _reasons.Add($"Span \"{Warnings.Shorten(span.Name)}\": {span.Problem} at byte {span.ProblemOffset}");
    }

    /// <summary>
    /// Rejects the spans from this one on for what they have in common. Where none could be read, so that none can be
    /// counted, the sender is told nevertheless.
    /// </summary>
    public void RejectFrom(int first, string what, string? problem)
    {
        if (problem is null)
            return;
        _rejected += _spans.Count - first;
        _reasons.Add(first == _spans.Count
            ? $"No spans were taken of a {what}: {problem}"
            : $"Spans of a {what}: {problem}");
        _spans.RemoveRange(first, _spans.Count - first);
    }

    /// <summary>The spans from this one on were decoded before their resource and scope were complete.</summary>
    public void Correct(int first, Resource resource, InstrumentationScope? scope)
    {
        for (var i = first; i < _spans.Count; i++)
            _spans[i] = _spans[i] with { Resource = resource, Scope = scope ?? _spans[i].Scope };
    }
}
