namespace Tracing.Storage.Cassandra;

[Flags]
enum BlockFlags
{
    None = 0,
    Zipkin = 1,
    Shared = 2,
    Debug = 4,

    /// <summary>The first span of a trace in the block.</summary>
    NewTrace = 8,

    /// <summary>The span has what few have: events, links and the like.</summary>
    Rest = 16,

    /// <summary>Its group did not count the span, which had come before; see <see cref="SeenSpans"/>.</summary>
    Repeat = 32,

    /// <summary>It is a repeat, and its group has counted what it adds; see <see cref="SpanCorrection"/>.</summary>
    Correction = 64,
}
