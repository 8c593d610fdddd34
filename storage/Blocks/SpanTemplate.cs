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

    /// <summary>A span that came before, which its group did not count again; see <see cref="SeenSpans"/>.</summary>
    Repeat = 128,

    /// <summary>A repeat of which the group has counted what it adds; see <see cref="SpanCorrection"/>.</summary>
    Correction = 256,
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
    // places in Extras
    public const int Message = 0;
    public const int Remote = 1;
    public const int TraceState = 2;
    public const int Rest = 3;

    /// <summary>What a span has a value of besides its attributes, in the order in which the values are kept.</summary>
    public static ReadOnlySpan<SpanFlags> Extras =>
        [SpanFlags.Message, SpanFlags.Remote, SpanFlags.TraceState, SpanFlags.Rest];
}
