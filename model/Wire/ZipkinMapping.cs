namespace Tracing.Model.Wire;

/// <summary>How a span that came in another format looks to Zipkin.</summary>
static class ZipkinMapping
{
    public static Span ToZipkin(Span span) => span;
}
