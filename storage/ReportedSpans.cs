using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Storage;

/// <summary>
/// Of the reports of a trace those that are one span, by <see cref="SpanIdentity"/>: what is counted of a trace, and
/// what is shown. As <see cref="SeenSpans"/> tells them apart when they come.
/// </summary>
public static class ReportedSpans
{
    /// <summary>Reports of one id are compared with so many spans.</summary>
    const int MaxAlike = 64;

    /// <summary>Each span once, in the order of their first reports; see <see cref="TraceMerger"/>.</summary>
    /// <param name="stored">All reports of the trace, in the order they were stored.</param>
    public static IReadOnlyList<Span> Merge(IReadOnlyList<Span> stored)
    {
        var spanOf = Group(stored, out var count);
        if (count == stored.Count)
            return stored;
        var reports = new List<Span>[count];
        for (var i = 0; i < stored.Count; i++)
            (reports[spanOf[i]] ??= []).Add(stored[i]);
        return Array.ConvertAll(reports, each => TraceMerger.Combine(each));
    }

    /// <summary>Of each report the number of its span, from 0 on, in the order of their first ones.</summary>
    internal static int[] Group(IReadOnlyList<Span> stored, out int count)
    {
        var spanOf = new int[stored.Count];
        var lastOfId = new Dictionary<SpanId, int>(stored.Count);
        // of each span who it is, once there are others of its id, and the one of its id before it
        var spans = new List<(int Report, SpanIdentity? Identity, int Before)>(stored.Count);
        for (var i = 0; i < stored.Count; i++)
        {
            if (lastOfId.TryAdd(stored[i].SpanId, spans.Count))
            {
                spanOf[i] = spans.Count;
                spans.Add((i, null, -1));
                continue;
            }
            var (identity, last) = (IdentityOf(stored[i]), lastOfId[stored[i].SpanId]);
            var found = Find(identity, last, isExact: true);
            if (found < 0 && stored[i].Origin == SpanOrigin.Zipkin)
                found = Find(identity, last, isExact: false);
            spanOf[i] = found < 0 ? spans.Count : found;
            if (found < 0)
            {
                lastOfId[stored[i].SpanId] = spans.Count;
                spans.Add((i, identity, last));
            }
            else
                spans[found] = spans[found] with { Identity = spans[found].Identity!.Value.FilledFrom(identity) };
        }
        count = spans.Count;
        return spanOf;

        int Find(in SpanIdentity identity, int at, bool isExact)
        {
            for (var left = MaxAlike; at >= 0 && left > 0; at = spans[at].Before, left--)
            {
                var known = spans[at].Identity ?? IdentityOf(stored[spans[at].Report]);
                spans[at] = spans[at] with { Identity = known };
                if (isExact ? known.Equals(identity) : known.IsPartOf(identity))
                    return at;
            }
            return -1;
        }
    }

    static SpanIdentity IdentityOf(Span span) => SpanIdentity.Of(span, ZipkinText.ToLower(span.ServiceName));
}
