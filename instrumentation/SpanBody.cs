using System.Diagnostics;

namespace Tracing.Instrumentation;

/// <summary>A request to the server, ready to be sent as often as it takes.</summary>
/// <param name="Buffer">Rented; the content comes first in it.</param>
/// <param name="Spans">How many spans it holds; 0 for histograms.</param>
sealed record Body(ReportTarget Target, string ContentType, byte[] Buffer, int Length, int Spans)
{
    /// <summary>Its place in the order of all.</summary>
    public long Number { get; set; }
}

/// <summary>Collects spans in one of the wire formats. For one thread.</summary>
abstract class SpanBody : IDisposable
{
    /// <summary>Spans collected.</summary>
    public int Count { get; private protected set; }

    /// <summary>About how many bytes they take.</summary>
    public abstract int Length { get; }

    /// <summary>Whether it is to be sent, whatever its length: what it keeps apart is bounded in number.</summary>
    public abstract bool IsFull { get; }

    /// <param name="state">The trace state to report, where it is not that of the span.</param>
    public abstract void Add(Activity span, string? state = null);

    /// <summary>What was collected; collecting begins anew.</summary>
    public abstract Body Take();

    public abstract void Dispose();
}
