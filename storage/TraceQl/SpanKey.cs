namespace Tracing.Storage.TraceQl;

/// <summary>A key of which a span has one value at most, as the query language writes it.</summary>
/// <param name="Scope">Null: the span's attribute, or else the resource's.</param>
/// <param name="Name">Of the attribute, or of the field.</param>
public readonly record struct SpanKey(KeyScope? Scope, string Name)
{
    /// <summary>The fields that are keys.</summary>
    public static IReadOnlyList<string> FieldNames { get; } =
        ["name", "kind", "status", "statusMessage", "instrumentation:name", "instrumentation:version"];

    public static SpanKey Service { get; } = new(KeyScope.Resource, "service.name");

    public static SpanKey OfField(string name) => new(KeyScope.Intrinsic, name);

    /// <summary>
    /// Reads a field, such as <c>name</c>, or an attribute, such as <c>resource.service.name</c> or <c>.port</c>;
    /// <c>service</c> is short for the former attribute.
    /// </summary>
    /// <exception cref="TraceQlException">It is no key, or one of events or links, which may have several.</exception>
    public static SpanKey Parse(string text)
    {
        if (text == "service")
            return Service;
        var lexer = new Lexer(text);
        var token = lexer.Next();
        var key = token.Operand switch
        {
            FieldReference { Field: var field } => OfField(field),
            AttributeReference { OfParent: false } attribute => OfScope(attribute.Scope, attribute.Name),
            _ => default(SpanKey?),
        };
        if (key is null)
            throw new TraceQlException(token.Column, $"expected {string.Join(", ", FieldNames)}, or an attribute");
        var end = lexer.Next();
        return end.Kind == TokenKind.End
            ? key.Value
            : throw new TraceQlException(end.Column, $"expected the end of the key, but found {end}");
    }

    static SpanKey? OfField(Field field) => field switch
    {
        Field.Name => OfField("name"),
        Field.Kind => OfField("kind"),
        Field.Status => OfField("status"),
        Field.StatusMessage => OfField("statusMessage"),
        Field.InstrumentationName => OfField("instrumentation:name"),
        Field.InstrumentationVersion => OfField("instrumentation:version"),
        _ => null,
    };

    static SpanKey? OfScope(AttributeScope scope, string name) => scope switch
    {
        AttributeScope.Any => new(null, name),
        AttributeScope.Span => new(KeyScope.Span, name),
        AttributeScope.Resource => new(KeyScope.Resource, name),
        AttributeScope.Instrumentation => new(KeyScope.Instrumentation, name),
        _ => null,
    };

    /// <summary>As <see cref="Parse"/> reads it.</summary>
    public override string ToString() => Scope switch
    {
        KeyScope.Intrinsic => Name,
        null => "." + Quoted(),
        var scope => $"{scope.Value.ToString().ToLowerInvariant()}.{Quoted()}",
    };

    string Quoted() => Name.Length > 0 && Name.All(c => c != '"' && Lexer.IsNameCharacter(c))
        ? Name
        : "\"" + Name.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal) +
            "\"";
}
