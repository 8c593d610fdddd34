namespace Tracing.Model.Wire;

/// <summary>What all of Zipkin's decoders say of a body beyond the limits; null when it is within them.</summary>
static class ZipkinFaults
{
    public static string TooManySpans(WireLimits limits) => $"More than {limits.MaxSpans} spans";

    /// <param name="what">The elements of a list within a span, in the plural.</param>
    public static string? TooMany(int count, string what, WireLimits limits) =>
        count <= limits.MaxAttributes ? null : $"more than {limits.MaxAttributes} {what} in one span";

    /// <param name="length">Of a text, in bytes.</param>
    public static string? TooLong(int length, WireLimits limits) =>
        length <= limits.MaxStringBytes ? null : $"Text of {length} bytes is longer than {limits.MaxStringBytes}";
}
