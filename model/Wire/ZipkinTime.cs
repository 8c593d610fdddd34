namespace Tracing.Model.Wire;

/// <summary>
/// Zipkin counts microseconds in 64 bits, the model nanoseconds: times too far off are capped, and the exact number is
/// kept as an integer attribute, which no tag can be taken for because tags are text.
/// </summary>
static class ZipkinTime
{
    /// <summary>Exact microseconds of a span's start, or of an annotation, that nanoseconds cannot hold.</summary>
    public const string TimestampKey = "zipkin.timestamp";

    /// <summary>Exact microseconds of a duration that nanoseconds cannot hold.</summary>
    public const string DurationKey = "zipkin.duration";

    const long NanosPerMicro = 1000;
    const long MaxSignedMicros = long.MaxValue / NanosPerMicro;
    const long MaxUnsignedMicros = (long)(ulong.MaxValue / NanosPerMicro);

    /// <summary>Start in nanoseconds; false when it had to be capped.</summary>
    public static bool TryStart(long micros, out ulong nanos)
    {
        var fits = micros <= MaxUnsignedMicros;
        nanos = fits ? (ulong)(micros * NanosPerMicro) : ulong.MaxValue;
        return fits;
    }

    /// <summary>End in nanoseconds, counted from the start; false when it had to be capped.</summary>
    public static bool TryEnd(ulong startNanos, long durationMicros, out ulong nanos)
    {
        var fits = durationMicros <= MaxSignedMicros;
        var duration = fits ? (ulong)(durationMicros * NanosPerMicro) : long.MaxValue;
        nanos = startNanos + duration;
        if (nanos >= startNanos)
            return fits;
        nanos = ulong.MaxValue;
        return false;
    }

    /// <summary>An annotation, whose time may be negative: then the nanoseconds are in two's complement.</summary>
    public static SpanEvent Event(long micros, string value) => micros is >= -MaxSignedMicros and <= MaxSignedMicros
        ? new SpanEvent { Name = value, TimeUnixNano = unchecked((ulong)(micros * NanosPerMicro)) }
        : new SpanEvent
        {
            Name = value,
            TimeUnixNano = unchecked((ulong)(micros < 0 ? long.MinValue : long.MaxValue)),
            Attributes = [new KeyValue(TimestampKey, new AttributeValue(micros))],
        };

    /// <summary>Microseconds of a Zipkin span's start; 0 when absent.</summary>
    public static long Timestamp(Span span) =>
        Exact(span.Attributes, TimestampKey) ?? (long)(span.StartUnixNano / NanosPerMicro);

    /// <summary>Microseconds of a Zipkin span's duration; 0 when absent.</summary>
    public static long Duration(Span span) =>
        Exact(span.Attributes, DurationKey) ?? (long)((span.EndUnixNano - span.StartUnixNano) / NanosPerMicro);

    /// <summary>Microseconds of a Zipkin annotation.</summary>
    public static long Timestamp(SpanEvent annotation) =>
        Exact(annotation.Attributes, TimestampKey) ?? unchecked((long)annotation.TimeUnixNano) / NanosPerMicro;

    static long? Exact(KeyValue[] attributes, string key)
    {
        foreach (var (name, value) in attributes)
        {
            if (value.Type == AttributeType.Int && name == key)
                return value.AsInt();
        }
        return null;
    }
}
