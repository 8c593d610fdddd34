using System.Globalization;

namespace Tracing.Model.Wire;

/// <summary>
/// The spans of one body in any of Zipkin's formats, and their limits. What Zipkin refuses rejects the
/// whole body; what only our limits refuse rejects a span alone.
/// </summary>
sealed class ZipkinSpanList(WireLimits limits, DecodedMemory? memory)
{
    readonly List<Span> _spans = [];
    readonly StringCache _names = StringCache.Names;
    readonly StringCache _values = StringCache.Values;
    int _rejected, _before;
    long _memoryBefore;
    string? _reason, _fault;

    /// <summary>Spans that were begun.</summary>
    public int Begun { get; private set; }

    public DecodedSpans ToDecoded() => new(_spans, _rejected, _reason);

    /// <summary>Begins a span; answers null, or that there are too many.</summary>
    public string? Begin()
    {
        if (Begun == limits.MaxSpans)
            return TooMany();
        Begun++;
        _fault = null;
        _before = _spans.Count;
        _memoryBefore = memory?.Mark ?? 0;
        return null;
    }

    /// <summary>Adds what became of the span, in v1 one for each service, unless it is beyond the limits.</summary>
    public void Add(Span? span)
    {
        if (_spans.Count >= limits.MaxSpans)
            _fault ??= TooMany();
        if (span is not null && HasMemory(DecodedMemory.Span))
            _spans.Add(span);
    }

    /// <summary>Ends a span; one that is beyond the limits is rejected.</summary>
    /// <param name="offset">Where it ends.</param>
    public void End(long offset)
    {
        if (_fault is null)
            return;
        _rejected++;
        _reason ??= string.Create(CultureInfo.InvariantCulture, $"Span {Begun}: {_fault} before byte {offset}");
        _spans.RemoveRange(_before, _spans.Count - _before);
        memory?.ReturnTo(_memoryBefore);
    }

    string TooMany() => $"More than {limits.MaxSpans} spans";

    /// <summary>Whether a list of the span that has so many elements may have one more.</summary>
    /// <param name="what">The elements, in the plural.</param>
    public bool HasRoom(int before, string what)
    {
        if (before < limits.MaxAttributes)
            return HasMemory(DecodedMemory.Attribute);
        _fault ??= $"more than {limits.MaxAttributes} {what} in one span";
        return false;
    }

    /// <summary>Text of a name or a key; what is not UTF-8 becomes U+FFFD.</summary>
    public string Name(ReadOnlySpan<byte> utf8) => Text(utf8, _names);

    /// <summary>Text of a value; what is not UTF-8 becomes U+FFFD.</summary>
    public string Value(ReadOnlySpan<byte> utf8) => Text(utf8, _values);

    /// <summary>Whether a text of so many bytes, or more, may be kept.</summary>
    public bool IsShortEnough(int length)
    {
        if (length <= limits.MaxStringBytes)
            return true;
        _fault ??= string.Create(
            CultureInfo.InvariantCulture, $"Text of {length} bytes is longer than {limits.MaxStringBytes}");
        return false;
    }

    string Text(ReadOnlySpan<byte> utf8, StringCache cache) =>
        !IsShortEnough(utf8.Length) ? ""
        : cache.Find(utf8) is { } known ? known
        : HasMemory(DecodedMemory.Object + 2L * utf8.Length) ? cache.Add(utf8, out _) : "";

    bool HasMemory(long bytes)
    {
        if (_fault is not null)
            return false;
        if (memory is null || memory.TryTake(bytes))
            return true;
        _fault = $"the request takes more than {memory.MaxBytes} bytes when decoded";
        return false;
    }
}
