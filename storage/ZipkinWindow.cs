namespace Tracing.Storage;

/// <summary>Zipkin's windows and durations, in milliseconds and microseconds, as nanoseconds of spans.</summary>
static class ZipkinWindow
{
    /// <summary>The first nanosecond that is in the millisecond or after it.</summary>
    public static ulong Start(Int128 millis) => ClampToUInt64(millis * 1_000_000);

    /// <summary>The last nanosecond of the first microsecond of the millisecond.</summary>
    /// <remarks>Zipkin compares microseconds with the millisecond times 1000, both ends included.</remarks>
    public static ulong End(Int128 millis) => ClampToUInt64((millis * 1_000_000) + 999);

    /// <summary>When traces of a query may begin; one without any start is at no time.</summary>
    public static (ulong Start, ulong End) Of(TraceQuery query) =>
        (Math.Max(1, Start((Int128)query.EndMillis - query.LookbackMillis)), End(query.EndMillis));

    /// <summary>What spans of a query may take: whole microseconds, rounded down but to no less than one.</summary>
    public static (long Min, long Max) DurationsOf(TraceQuery query) => (
        query.MinDurationMicros is null or <= 1 ? 1 : ClampToInt64((Int128)query.MinDurationMicros.Value * 1000),
        ClampToInt64(((Int128)(query.MaxDurationMicros ?? long.MaxValue) * 1000) + 999));

    static ulong ClampToUInt64(Int128 value) => (ulong)Int128.Clamp(value, 0, ulong.MaxValue);

    static long ClampToInt64(Int128 value) => (long)Int128.Clamp(value, 0, long.MaxValue);
}
