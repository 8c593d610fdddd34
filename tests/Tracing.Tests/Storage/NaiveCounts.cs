using System.Globalization;
using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Storage;
using Tracing.Storage.TraceQl;

namespace Tracing.Tests;

/// <summary>What a store counts, by looking at every span.</summary>
static class NaiveCounts
{
    /// <summary>The selected spans, as OTLP says them.</summary>
    public static List<Span> Select(IEnumerable<Span> spans, SpanSelection selection) =>
        [.. spans.GroupBy(span => span.TraceId).SelectMany(trace =>
        {
            var facts = new TraceFacts([.. trace]);
            return facts.Spans.Where(span => selection.Filter.Matches(span, facts) &&
                span.StartUnixNano >= selection.StartUnixNano && span.StartUnixNano < selection.EndUnixNano);
        })];

    public static IEnumerable<string> Keys(List<Span> spans, KeyQuery query) => Enum.GetValues<KeyScope>()
        .Where(scope => query.Scope is null || query.Scope == scope)
        .SelectMany(scope => spans
            .SelectMany(span => KeysOf(span, scope).Distinct().Select(pair => (Span: span, pair.Key, pair.Type)))
            .Where(one => one.Key.StartsWith(query.Prefix, StringComparison.Ordinal))
            .GroupBy(one => one.Key)
            .Select(ofKey => (Scope: scope, ofKey.Key, Spans: ofKey.Select(one => one.Span).Distinct().Count(),
                Types: string.Join(' ', ofKey.GroupBy(one => one.Type).OrderBy(type => type.Key)
                    .Select(type => $"{type.Key} {type.Count()}")))))
        .OrderByDescending(one => one.Spans).ThenBy(one => one.Scope).ThenBy(one => Utf8(one.Key))
        .Take(query.Limit)
        .Select(one => $"{one.Scope} {one.Key}: {one.Spans}, {one.Types}");

    public static IEnumerable<string> Values(List<Span> spans, ValueQuery query) => Values(spans,
        Enum.GetValues<KeyScope>().Where(scope => query.Scope is null || query.Scope == scope),
        (span, scope) => ValuesOf(span, scope, query.Key), query.Prefix).Take(query.Limit);

    public static IEnumerable<string> Facet(List<Span> spans, SpanKey key) => Values(spans, [key.Scope ?? default],
        (span, _) => ValuesOf(span, key.Scope ?? KeyScope.Span, key.Name) is { Count: > 0 } own || key.Scope is not null
            ? ValuesOf(span, key.Scope ?? KeyScope.Span, key.Name)
            : ValuesOf(span, KeyScope.Resource, key.Name), "");

    static IEnumerable<string> Values(List<Span> spans, IEnumerable<KeyScope> scopes,
        Func<Span, KeyScope, List<(KeyType Type, string Text)>> of, string prefix) => scopes
        .SelectMany(scope => spans
            .SelectMany(span => of(span, scope).Distinct())
            .Where(value => value.Text.StartsWith(prefix, StringComparison.Ordinal))
            .GroupBy(value => value)
            .Select(ofValue => (Scope: scope, ofValue.Key.Type, ofValue.Key.Text, Spans: ofValue.Count())))
        .OrderByDescending(one => one.Spans).ThenBy(one => one.Scope).ThenBy(one => one.Type)
        .ThenBy(one => one.Type == KeyType.Int ? Int128.Parse(one.Text, CultureInfo.InvariantCulture) : 0)
        .ThenBy(one => one.Text == "NaN")
        .ThenBy(one => one.Type == KeyType.Double ? double.Parse(one.Text, CultureInfo.InvariantCulture) : 0)
        .ThenBy(one => Utf8(one.Text))
        .Select(one => $"{one.Scope} {one.Type} {one.Text}: {one.Spans}");

    public static string Text(KeyCount key) => $"{key.Scope} {key.Key}: {key.Spans}, " +
        string.Join(' ', key.Types.Select(type => $"{type.Type} {type.Spans}"));

    public static string Text(ValueCount value) => $"{value.Scope} {value.Type} {value.Value}: {value.Spans}";

    static IEnumerable<(string Key, KeyType Type)> KeysOf(Span span, KeyScope scope) => scope == KeyScope.Intrinsic
        ? SpanKey.FieldNames.SelectMany(name => ValuesOf(span, scope, name).Select(value => (name, value.Type)))
        : AttributesOf(span, scope).Select(attribute => (attribute.Key, TypeOf(attribute.Value)));

    static List<(KeyType Type, string Text)> ValuesOf(Span span, KeyScope scope, string key) =>
        scope == KeyScope.Intrinsic ? FieldOf(span, key) : [.. AttributesOf(span, scope)
            .Where(attribute => attribute.Key == key)
            .Select(attribute => (TypeOf(attribute.Value), ZipkinMapping.TagText(attribute.Value)))];

    static List<(KeyType Type, string Text)> FieldOf(Span span, string name)
    {
        (KeyType Type, string Text) value = name switch
        {
            "name" => (KeyType.String, span.Name),
            "statusMessage" => (KeyType.String, span.StatusMessage),
            "status" => (KeyType.Status, span.Status.ToString().ToLowerInvariant()),
            "kind" => (KeyType.Kind, span.Kind.ToString().ToLowerInvariant()),
            "instrumentation:name" => (KeyType.String, span.Scope.Name),
            "instrumentation:version" => (KeyType.String, span.Scope.Version),
            _ => default,
        };
        return string.IsNullOrEmpty(value.Text) ? [] : [value];
    }

    static IEnumerable<KeyValue> AttributesOf(Span span, KeyScope scope) => scope switch
    {
        KeyScope.Span => span.Attributes,
        KeyScope.Resource => span.Resource.Attributes,
        KeyScope.Event => span.Events.SelectMany(each => each.Attributes),
        KeyScope.Link => span.Links.SelectMany(each => each.Attributes),
        _ => span.Scope.Attributes,
    };

    static KeyType TypeOf(AttributeValue value) => Enum.Parse<KeyType>(value.Type.ToString());

    // bytes of UTF-8 compare as their hexadecimal digits do
    static string Utf8(string text) => Convert.ToHexString(System.Text.Encoding.UTF8.GetBytes(text));
}
