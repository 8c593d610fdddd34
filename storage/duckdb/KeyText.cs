using System.Globalization;
using System.Text;
using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Storage.TraceQl;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// SQL for the value that a span has for a key, as one text: a letter for the type, then the value; NULL where it has
/// none or one longer than is listed. Spans of Zipkin's have what they have as spans of OTLP's.
/// </summary>
/// <remarks>
/// Doubles are as DuckDB writes them, so that those of columns and those of texts are the same; <see cref="Parse"/>
/// gives them their usual form.
/// </remarks>
sealed class KeyText(SqlParameters parameters, Partition partition)
{
    /// <summary>By the number of the <see cref="KeyType"/>.</summary>
    public const string Letters = "sbidyameck";

    /// <summary>SQL for the order of texts with equal counts.</summary>
    public static string Order(string text) => $"""
        instr('{Letters}', left({text}, 1)),
        CASE WHEN starts_with({text}, 'i') THEN TRY_CAST(substr({text}, 2) AS BIGINT) END,
        CASE WHEN starts_with({text}, 'd') THEN TRY_CAST(substr({text}, 2) AS DOUBLE) END, {text}
        """;

    /// <summary>A value as it is listed, from <see cref="Of"/>; of a column, as it stands here often.</summary>
    /// <param name="prefix">What the value begins with; others count as none.</param>
    public static string Listed(SqlParameters parameters, string column, string prefix)
    {
        var isWanted = $"strlen({column}) <= {KeyQuery.MaxTextBytes + 1}";
        var text = Usual(column);
        if (prefix.Length > 0)
            isWanted += $" AND starts_with(substr({text}, 2), {parameters.BindText(prefix)})";
        return $"CASE WHEN {isWanted} THEN {text} END";
    }

    /// <summary>SELECT of values, as <see cref="Listed"/> has them, each with the number of its facet.</summary>
    public static string Wanted(SqlParameters parameters, List<(long Facet, ValueCount Value)> values)
    {
        var texts = values.ConvertAll(each => Base64(Letters[(int)each.Value.Type] + each.Value.Value));
        return $"""
            SELECT facet, {Usual("text")} AS text FROM (
                SELECT facet, decode(from_base64(packed)) AS text FROM (
                    SELECT unnest({parameters.Bind(values.ConvertAll(each => each.Facet))}::BIGINT[]) AS facet,
                        unnest({parameters.Bind(texts)}::VARCHAR[]) AS packed))
            """;
    }

    /// <summary>SQL for a text with a double as DuckDB writes it, whoever wrote it before.</summary>
    static string Usual(string column) => $"""
        CASE WHEN starts_with({column}, 'd')
            THEN 'd' || regexp_replace(TRY_CAST(substr({column}, 2) AS DOUBLE)::VARCHAR, '\.0$', '')
            ELSE {column} END
        """;

    /// <summary>The value, also one that is too long; NULL without one.</summary>
    public string Of(SpanKey key) => Find(key) ?? "NULL::VARCHAR";

    public static (KeyType Type, string Text) Parse(string text)
    {
        var type = TypeOf(text[0]);
        return (type, type == KeyType.Double ? DoubleText(text[1..]) : text[1..]);
    }

    public static KeyType TypeOf(char letter) => (KeyType)Letters.IndexOf(letter, StringComparison.Ordinal);

    /// <summary>The letter of the type of a value that is beside its text, from its AnyValue in Base64.</summary>
    /// <remarks>The first six bits say which field it is: 4 double, 5 array, 6 map, 7 bytes.</remarks>
    public static string LetterBeside(string packed) => $"""
        CASE left({packed}, 1) WHEN 'I' THEN 'd' WHEN 'K' THEN 'a' WHEN 'M' THEN 'm' WHEN 'O' THEN 'y' ELSE 'e' END
        """;

    /// <summary>A text of a row with the letter of its value's type, in place of that of all that are beside.</summary>
    /// <param name="place">SQL for the place of the text, from 1 on.</param>
    public static string Letter(string place) => $"""
        CASE WHEN starts_with(texts[{place}], 't')
            THEN {LetterBeside($"texts_beside[len(list_filter(texts[1:{place}], lambda t : starts_with(t, 't')))]")}
            ELSE left(texts[{place}], 1) END
        """;

    /// <summary>What a span of Zipkin's is given when it is read as one of OTLP's; SQL, NULL without a value.</summary>
    public static IReadOnlyDictionary<string, (KeyType Type, string Sql)> DerivedOfSpan { get; } =
        new Dictionary<string, (KeyType, string)>
        {
            ["peer.service"] = (KeyType.String,
                "CASE WHEN remote_address IS NOT NULL THEN nullif(remote_service, '') END"),
            ["net.peer.ip"] = (KeyType.String, Address("remote_address")),
            ["net.peer.port"] = (KeyType.Int, Port("remote_address")),
            ["zipkin.debug"] = (KeyType.Bool, "CASE WHEN zipkin_flags & 2 = 2 THEN 'true' END"),
            ["zipkin.shared"] = (KeyType.Bool, "CASE WHEN zipkin_flags & 1 = 1 THEN 'true' END"),
        };

    /// <inheritdoc cref="DerivedOfSpan"/>
    public static IReadOnlyDictionary<string, (KeyType Type, string Sql)> DerivedOfResource { get; } =
        new Dictionary<string, (KeyType, string)>
        {
            ["service.name"] = (KeyType.String, "CASE WHEN local_address IS NOT NULL THEN nullif(service, '') END"),
            ["net.host.ip"] = (KeyType.String, Address("local_address")),
            ["net.host.port"] = (KeyType.Int, Port("local_address")),
        };

    /// <summary>Whether the span has an attribute of the key as it was stored.</summary>
    public string HasStored(string key) => new AttributeColumns(parameters, partition).Has(key).Over;

    string? Find(SpanKey key) => key.Scope switch
    {
        KeyScope.Intrinsic => OfField(key.Name),
        KeyScope.Span => OfSpan(key.Name),
        KeyScope.Resource => OfResource(key.Name),
        KeyScope.Instrumentation => OfShared("scope_id", partition.Contents.Scopes.All(),
            scope => Text(scope.Attributes, key.Name)),
        null => OfResource(key.Name) is { } ofResource
            ? $"coalesce({OfSpan(key.Name)}, {ofResource})"
            : OfSpan(key.Name),
        _ => throw new ArgumentException($"A span may have several values of {key}.", nameof(key)),
    };

    string? OfField(string name) => name switch
    {
        "name" => "'s' || nullif(name, '')",
        "statusMessage" => "'s' || nullif(status_message, '')",
        "status" => "CASE status WHEN 0 THEN 'cunset' WHEN 1 THEN 'cok' WHEN 2 THEN 'cerror' " +
            "ELSE 'c' || status::VARCHAR END",
        "kind" => "CASE kind " + string.Concat(Enum.GetValues<SpanKind>().Select(kind =>
            $"WHEN {(int)kind} THEN 'k{kind.ToString().ToLowerInvariant()}' ")) + "ELSE 'k' || kind::VARCHAR END",
        "instrumentation:name" => OfShared("scope_id", partition.Contents.Scopes.All(),
            scope => scope.Name.Length > 0 ? "s" + scope.Name : null),
        "instrumentation:version" => OfShared("scope_id", partition.Contents.Scopes.All(),
            scope => scope.Version.Length > 0 ? "s" + scope.Version : null),
        _ => throw new ArgumentException($"\"{name}\" is no field with values to count.", nameof(name)),
    };

    string OfSpan(string key)
    {
        var stored = partition.Layout.Of(key)
            .Select(column => $"'{Letters[(int)KeyTypes.Of(column.Type)]}' || {column.Quoted}::VARCHAR")
            .Concat(OfCoded(key)).Append("NULL");
        if (partition.Contents.Shapes.HasFreeForm)
            stored = stored.Append(OfFreeForm(key));
        if (DerivedOfSpan.TryGetValue(key, out var derived))
            stored = stored.Append($"CASE WHEN origin = 1 THEN '{Letters[(int)derived.Type]}' || {derived.Sql} END");
        return $"coalesce({string.Join(", ", stored)})";
    }

    /// <summary>From the codes of the shapes that have the key, and the texts of those that have none.</summary>
    IEnumerable<string> OfCoded(string key)
    {
        foreach (var coded in partition.Contents.Shapes.Coded(key))
        {
            var values = BindList(coded.Values.All().Select(value =>
                Letters[(int)KeyTypes.Of(value.Type)] + ZipkinMapping.TagText(value)));
            var code = partition.Contents.Shapes.CodeOf(coded, parameters);
            var text = $"decode(from_base64({values}[{code} + 1]))";
            yield return !coded.HasTexts ? text : $"CASE WHEN {code} >= 0 THEN {text} " +
                $"ELSE {Letter($"(-{code})")} || substr(texts[-{code}], 2) END";
        }
    }

    string OfFreeForm(string key)
    {
        var prefix = parameters.BindText(AttributeWriter.KeyPrefix(key));
        var place = $"list_position(list_transform(texts, lambda t : starts_with(substr(t, 2), {prefix})), true)";
        return $"CASE WHEN shape = {Shapes.FreeForm} THEN {Letter(place)} || " +
            $"substr(texts[{place}], 2 + length({prefix})) END";
    }

    static string Address(string column) =>
        $"coalesce(nullif(split_part({column}, ' ', 1), ''), nullif(split_part({column}, ' ', 2), ''))";

    static string Port(string column) => $"nullif(split_part({column}, ' ', 3), '0')";

    string? OfResource(string key)
    {
        var ofOtlp = OfShared("resource_id", partition.Contents.Resources.All(),
            resource => Text(resource.Attributes, key));
        var ofZipkin = DerivedOfResource.TryGetValue(key, out var derived)
            ? $"'{Letters[(int)derived.Type]}' || {derived.Sql}"
            : null;
        return ofOtlp is null && ofZipkin is null
            ? null
            : $"CASE WHEN origin = 1 THEN {ofZipkin ?? "NULL"} ELSE {ofOtlp ?? "NULL"} END";
    }

    /// <summary>From contents that many spans share: a list by id.</summary>
    string? OfShared<T>(string column, IEnumerable<KeyValuePair<int, T>> all, Func<T, string?> textOf)
    {
        var texts = all.Select(each => (each.Key, Text: textOf(each.Value))).Where(each => each.Text is not null)
            .ToDictionary(each => each.Key, each => each.Text!);
        if (texts.Count == 0)
            return null;
        var list = BindList(Enumerable.Range(0, texts.Keys.Max() + 1).Select(id => texts.GetValueOrDefault(id, "")));
        return $"decode(from_base64(nullif({list}[{column} + 1], '')))";
    }

    /// <summary>In Base64, since DuckDB.NET cuts bound text at a NUL.</summary>
    string BindList(IEnumerable<string> texts)
    {
        var encoded = texts.Select(Base64).ToList();
        return $"({parameters.Bind(encoded)}::VARCHAR[])";
    }

    static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    static string? Text(KeyValue[] attributes, string key)
    {
        // of a key that repeats the last counts
        var index = Array.FindLastIndex(attributes, attribute => attribute.Key == key);
        if (index < 0)
            return null;
        var value = attributes[index].Value;
        return Letters[(int)KeyTypes.Of(value.Type)] + ZipkinMapping.TagText(value);
    }

    static string DoubleText(string text)
    {
        var value = text switch
        {
            "nan" => double.NaN,
            "inf" => double.PositiveInfinity,
            "-inf" => double.NegativeInfinity,
            _ => double.Parse(text, CultureInfo.InvariantCulture),
        };
        return new AttributeValue(value).ToString();
    }
}
