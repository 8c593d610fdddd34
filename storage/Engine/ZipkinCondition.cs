using System.Text;
using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Storage.Blocks;

namespace Tracing.Storage.Engine;

/// <summary>
/// A condition of Zipkin's search, met by a span of the service asked for; over the columns of a block, or a span.
/// </summary>
/// <param name="IsMetBy">Exactly.</param>
/// <param name="MayMeet">The rows of a block that may meet it, by its columns.</param>
/// <param name="IsExact">Whether the columns tell for sure; else who is left is asked as a span.</param>
/// <param name="MayBeIn">Whether a block may have a span that meets it, by its summary.</param>
sealed record ZipkinCondition(Func<Span, bool> IsMetBy, Func<SpanBlock, RowSet> MayMeet, bool IsExact,
    Predicate<BlockSummary> MayBeIn)
{
    public static ZipkinCondition[] Of(TraceQuery query)
    {
        var conditions = new List<ZipkinCondition>();
        if (query.RemoteServiceName is { } remote)
        {
            conditions.Add(new(span => IsNamed(remote, ZipkinMapping.RemoteServiceName(span)),
                block => RowSet.All(block.Count), false, _ => true));
        }
        if (query.SpanName is { } name)
        {
            conditions.Add(new(span => IsNamed(name, Lower(span.Name)), block => RowSet.Where(block.TemplateCodes,
                Array.ConvertAll(block.Templates, template => IsNamed(name, Lower(block.NameOf(template.Name))))),
                true, summary => summary.MayHave(SummaryHash.OfZipkinName(name))));
        }
        foreach (var (key, value) in query.Annotations)
        {
            // what may be an annotation, or is no attribute of OTLP's, is not in a column of the key
            conditions.Add(new(span => ZipkinTags.Has(span, key, value), block => MayHaveTag(block, key, value),
                value.Length > 0 && !ZipkinTags.IsDerived(key), summary => MayHaveTag(summary, key, value)));
        }
        if (query.MinDurationMicros is not null || query.MaxDurationMicros is not null)
        {
            var (min, max) = ZipkinWindow.DurationsOf(query);
            bool Fits(ulong? known) => known is { } nanos && (long)nanos >= min && (long)nanos <= max;
            conditions.Add(new(span => Fits(span.KnownDuration),
                block => RowSet.Where(block.Count, i => Fits(block.KnownDurationOf(i))), true,
                summary => (long?)summary.Longest >= min));
        }
        if (query.ServiceName is not { } service)
            return [.. conditions];
        if (conditions.Count == 0)
            return [OfService(service, new(_ => true, block => RowSet.All(block.Count), true, _ => true))];
        return [.. conditions.Select(condition => OfService(service, condition))];
    }

    /// <summary>The traces of spans that meet it.</summary>
    public IEnumerable<TraceId> TracesIn(SpanBlock block)
    {
        var rows = MayMeet(block);
        var cursor = IsExact ? null : new SpanCursor(block);
        for (var i = rows.Next(0); i >= 0;)
        {
            var trace = block.Traces.Of(i);
            var end = block.Traces.From[trace + 1];
            // one span is enough
            while (cursor is not null && i >= 0 && i < end && !IsMetBy(cursor.Read(i)))
                i = rows.Next(i + 1);
            if (i < 0 || i >= end)
                continue;
            yield return block.Traces.Ids[trace];
            i = rows.Next(end);
        }
    }

    /// <summary>
    /// Start of the first stored span that has a start and no parent, else the smallest start; null without any.
    /// </summary>
    public static ulong? TimestampOf(IReadOnlyList<Span> spans)
    {
        var starts = spans.Where(span => span.StartUnixNano > 0).ToList();
        if (starts.Count == 0)
            return null;
        return (starts.Find(span => span.ParentSpanId.IsZero) ?? starts.MinBy(span => span.StartUnixNano))!
            .StartUnixNano;
    }

    static ZipkinCondition OfService(string service, ZipkinCondition condition) => new(
        span => IsNamed(service, Lower(span.ServiceName)) && condition.IsMetBy(span),
        block =>
        {
            var sources = new bool[block.SourceCount];
            for (var i = 0; i < sources.Length; i++)
                sources[i] = IsNamed(service, Lower(block.ServiceOf(i)));
            var rows = RowSet.Where(block.SourceCodes, sources);
            if (!rows.IsEmpty)
                rows.IntersectWith(condition.MayMeet(block));
            return rows;
        }, condition.IsExact,
        summary => summary.MayHave(SummaryHash.OfZipkinService(service)) && condition.MayBeIn(summary));

    static RowSet MayHaveTag(SpanBlock block, string key, string value)
    {
        var number = block.KeyOf(Encoding.UTF8.GetBytes(key));
        var (isDerived, isAnnotation) = (ZipkinTags.IsDerived(key), value.Length == 0);
        var rows = number < 0 ? RowSet.None(block.Count) : WithValue(block, number, value);
        if (!isDerived && !isAnnotation)
            return rows;
        rows.UnionWith(RowSet.Where(block.TemplateCodes, Array.ConvertAll(block.Templates, template =>
            (isDerived && !template.IsZipkin &&
                (!ZipkinTags.IsOfStatus(key) || template.Status != StatusCode.Unset)) ||
            (isAnnotation && (template.Flags & SpanFlags.Rest) != 0))));
        return rows;
    }

    /// <summary>The rows that have a value for a key; any one if it is empty.</summary>
    static RowSet WithValue(SpanBlock block, int key, string value)
    {
        var values = block.ValuesOf(key);
        var fits = new bool[values.Count];
        for (var code = 0; code < fits.Length; code++)
            fits[code] = value.Length == 0 || ZipkinMapping.TagText(values.ValueOf(code)) == value;
        var rows = RowSet.None(block.Count);
        if (!Array.Exists(fits, each => each))
            return rows;
        // of a key that a span has more than once, the last counts
        var uses = block.UsesOf(key);
        var (templates, codes, next) = (block.TemplateCodes, block.CodesOf(key), 0);
        for (var row = 0; row < block.Count; row++)
        {
            var count = uses[templates[row]];
            next += count;
            if (count > 0 && fits[codes[next - 1]])
                rows.Add(row);
        }
        return rows;
    }

    static bool MayHaveTag(BlockSummary summary, string key, string value)
    {
        if (ZipkinTags.IsDerived(key) && !(key == "error" && summary.Errors == 0))
            return true;
        var ofKey = SummaryHash.OfKey(KeyScope.Span, Encoding.UTF8.GetBytes(key));
        return value.Length == 0
            ? summary.HasRest || summary.MayHave(ofKey)
            : summary.MayHave(SummaryHash.OfText(ofKey, value)) || summary.MayHave(SummaryHash.OfOtherType(ofKey));
    }

    static bool IsNamed(string asked, string name) => SeriesNames.IsNameOf(asked, name);

    /// <summary>As names are compared, which is not what comparing without regard to case would do.</summary>
    static string Lower(string text) => ZipkinText.ToLower(text);
}
