using System.Runtime.CompilerServices;

namespace Tracing.Instrumentation;

/// <summary>
/// What OpenTelemetry's exporters, and those built on them, send from this process: they mark it as not to be traced.
/// Without a reference, as most processes have none of them.
/// </summary>
static class OtherExporters
{
    const string Sdk = "OpenTelemetry.Sdk, OpenTelemetry";

    static readonly bool IsPresent = Type.GetType(Sdk) is not null;

    /// <summary>Whether the code that asks runs within an exporter.</summary>
    public static bool AreSending => IsPresent && IsSuppressed(null);

    [UnsafeAccessor(UnsafeAccessorKind.StaticMethod, Name = "get_SuppressInstrumentation")]
    static extern bool IsSuppressed([UnsafeAccessorType(Sdk)] object? sdk);
}
