using Tracing.Model;

namespace Tracing.Storage.TraceQl;

/// <summary>What an expression can yield for one span.</summary>
enum ValueForm
{
    /// <summary>There is no event, link or parent to have a value. It fits nothing, not even nil.</summary>
    Absent,

    /// <summary>There is no such attribute, or nothing to compute. It fits nil and nothing else.</summary>
    Missing,
    Text,

    /// <summary>A 64-bit integer, or a duration in nanoseconds.</summary>
    Int,
    Float,
    Bool,
    Status,
    Kind,
    Array,

    /// <summary>Bytes, a map or an empty value: it is there, but compares with nothing.</summary>
    Other,
}

/// <summary>A value of the language: of a literal, of an attribute, or computed.</summary>
readonly record struct Value
{
    readonly object? _content;
    readonly long _bits;

    Value(ValueForm form, object? content, long bits)
    {
        Form = form;
        _content = content;
        _bits = bits;
    }

    public static Value Absent => default;

    public static Value Missing { get; } = new(ValueForm.Missing, null, 0);

    public ValueForm Form { get; }

    public string Text => (string)_content!;

    public long Int => _bits;

    public double Float => BitConverter.Int64BitsToDouble(_bits);

    public bool Bool => _bits != 0;

    public StatusCode Status => (StatusCode)_bits;

    public SpanKind Kind => (SpanKind)_bits;

    public AttributeValue[] Elements => (AttributeValue[])_content!;

    public bool IsNumber => Form is ValueForm.Int or ValueForm.Float;

    public bool IsTrue => Form == ValueForm.Bool && _bits != 0;

    /// <summary>The nearest double.</summary>
    public double AsDouble => Form == ValueForm.Int ? _bits : Float;

    public static Value Of(string text) => new(ValueForm.Text, text, 0);

    public static Value Of(long number) => new(ValueForm.Int, null, number);

    public static Value Of(double number) => new(ValueForm.Float, null, BitConverter.DoubleToInt64Bits(number));

    public static Value Of(bool truth) => new(ValueForm.Bool, null, truth ? 1 : 0);

    public static Value Of(StatusCode status) => new(ValueForm.Status, null, (long)status);

    public static Value Of(SpanKind kind) => new(ValueForm.Kind, null, (long)kind);

    public static Value Of(AttributeValue value) => value.Type switch
    {
        AttributeType.String => Of(value.AsString()!),
        AttributeType.Int => Of(value.AsInt()),
        AttributeType.Double => Of(value.AsDouble()),
        AttributeType.Bool => Of(value.AsBool()),
        AttributeType.Array => new Value(ValueForm.Array, value.AsArray(), 0),
        _ => new Value(ValueForm.Other, null, 0),
    };
}
