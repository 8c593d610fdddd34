namespace Tracing.Model.Wire;

/// <summary>What a body held: the good spans, and how many were refused and why.</summary>
/// <param name="Spans">The good ones, in the order of the body.</param>
/// <param name="Rejected">How many spans were left out.</param>
/// <param name="RejectedReason">
/// Why the first of them was; null when none was. With none rejected it is a warning: what of the body went unread, or
/// was taken otherwise than it was sent.
/// </param>
public readonly record struct DecodedSpans(List<Span> Spans, int Rejected = 0, string? RejectedReason = null);
