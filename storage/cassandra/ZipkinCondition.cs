using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Storage.Cassandra;

/// <summary>
/// A condition of Zipkin's search, met by a span of the service asked for; over the columns of a block, or a span.
/// </summary>
/// <param name="IsMetBy">Exactly.</param>
/// <param name="MayMeet">
/// What spans of a block may meet it, by its columns; null when none does.
/// </param>
/// <param name="IsExact">Whether the columns tell for sure; else who is left is asked as a span.</param>
sealed record ZipkinCondition(Func<Span, bool> IsMetBy, Func<SpanBlock, Func<int, bool>?> MayMeet, bool IsExact)
{
    public static ZipkinCondition[] Of(TraceQuery query)
    {
        var conditions = new List<ZipkinCondition>();
        if (query.RemoteServiceName is { } remote)
            conditions.Add(new(span => IsNamed(remote, ZipkinMapping.RemoteServiceName(span)), _ => _ => true, false));
        if (query.SpanName is { } name)
        {
            conditions.Add(new(span => IsNamed(name, Lower(span.Name)), block =>
            {
                var fits = block.TextsThat(text => IsNamed(name, Lower(text)));
                return Array.Exists(fits, each => each) ? i => fits[block.NameIdOf(i)] : null;
            }, true));
        }
        foreach (var (key, value) in query.Annotations)
        {
            // what may be an annotation, or is no attribute of OTLP's, is not in a column of the key
            conditions.Add(new(span => ZipkinTags.Has(span, key, value), block => MayHaveTag(block, key, value),
                value.Length > 0 && !ZipkinTags.IsDerived(key)));
        }
        if (query.MinDurationMicros is not null || query.MaxDurationMicros is not null)
        {
            var (min, max) = ZipkinWindow.DurationsOf(query);
            bool Fits(ulong? known) => known is { } nanos && (long)nanos >= min && (long)nanos <= max;
            conditions.Add(new(
                span => Fits(span.KnownDuration), block => i => Fits(block.KnownDurationOf(i)), true));
        }
        if (query.ServiceName is not { } service)
            return [.. conditions];
        if (conditions.Count == 0)
            return [OfService(service, new(_ => true, _ => _ => true, true))];
        return [.. conditions.Select(condition => OfService(service, condition))];
    }

    /// <summary>The traces of spans that meet it.</summary>
    public IEnumerable<TraceId> TracesIn(SpanBlock block)
    {
        if (MayMeet(block) is not { } may)
            yield break;
        var last = -1;
        for (var i = 0; i < block.Count; i++)
        {
            // one span is enough
            if (block.TraceOf[i] == last || !may(i) || !(IsExact || IsMetBy(block.ToSpan(i))))
                continue;
            last = block.TraceOf[i];
            yield return block.Traces[last];
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
            var may = condition.MayMeet(block);
            if (may is null)
                return null;
            var resources = block.Resources.That(resource => IsNamed(service, Lower(resource.ServiceName)));
            return i => (block.IsZipkin(i)
                ? IsNamed(service, Lower(block.LocalOf(i)?.ServiceName ?? ""))
                : resources[block.ResourceIds[i]]) && may(i);
        }, condition.IsExact);

    static Func<int, bool>? MayHaveTag(SpanBlock block, string key, string value)
    {
        var number = block.KeyOf(key);
        var isDerived = ZipkinTags.IsDerived(key);
        var fits = number < 0 ? [] : block.ValuesThat(
            number, each => value.Length == 0 || ZipkinMapping.TagText(each) == value);
        var isAnnotation = value.Length == 0;
        if (!isDerived && !isAnnotation && !Array.Exists(fits, each => each))
            return null;
        var codes = number < 0 ? [] : block.CodesOf(number);
        return i => (number >= 0 && codes[i] is >= 0 and var code && fits[code]) ||
            (isDerived && !block.IsZipkin(i) &&
                (!ZipkinTags.IsOfStatus(key) || block.Statuses[i] != StatusCode.Unset)) ||
            (isAnnotation && block.HasRest(i));
    }

    static bool IsNamed(string asked, string name) => SeriesNames.IsNameOf(asked, name);

    /// <summary>As names are compared, which is not what comparing without regard to case would do.</summary>
    static string Lower(string text) => ZipkinText.ToLower(text);
}
