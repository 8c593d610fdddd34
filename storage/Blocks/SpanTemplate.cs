using Tracing.Model;

namespace Tracing.Storage.Blocks;

/// <summary>Of a span: which family it came in, and what it has beyond its attributes.</summary>
[Flags]
enum SpanFlags
{
    None = 0,
    Zipkin = 1,
    Shared = 2,
    Debug = 4,
    Message = 8,
    Remote = 16,
    TraceState = 32,

    /// <summary>Events, links, or something dropped.</summary>
    Rest = 64,
}

/// <summary>
/// What the spans of an operation mostly have in common: everything but ids, times, source and values. A block has a
/// few hundred, so one small number a span says what would take a column each, and a condition on them is decided once
/// for each rather than for each span.
/// </summary>
/// <param name="Name">Number of its text.</param>
/// <param name="OtlpFlags">As in <see cref="Span.Flags"/>.</param>
/// <param name="Scope">Number of its instrumentation scope.</param>
/// <param name="KeySet">Number of the list of its attributes' keys.</param>
readonly record struct SpanTemplate(
    SpanFlags Flags, int Name, SpanKind Kind, StatusCode Status, uint OtlpFlags, int Scope, int KeySet)
{
    /// <summary>What a span has a value of besides its attributes, in the order in which the values are kept.</summary>
    public static ReadOnlySpan<SpanFlags> Extras =>
        [SpanFlags.Message, SpanFlags.Remote, SpanFlags.TraceState, SpanFlags.Rest];
}
