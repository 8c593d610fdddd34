namespace Tracing.Storage.TraceQl;

/// <summary>The names of fields and scopes, and what is known of them.</summary>
static class Fields
{
    public static readonly Dictionary<string, Field> Bare = new(StringComparer.Ordinal)
    {
        ["name"] = Field.Name,
        ["duration"] = Field.Duration,
        ["status"] = Field.Status,
        ["statusMessage"] = Field.StatusMessage,
        ["kind"] = Field.Kind,
        ["traceDuration"] = Field.TraceDuration,
        ["rootName"] = Field.RootName,
        ["rootServiceName"] = Field.RootService,
        ["nestedSetLeft"] = Field.NestedSetLeft,
        ["nestedSetRight"] = Field.NestedSetRight,
        ["nestedSetParent"] = Field.NestedSetParent,
    };

    public static readonly Dictionary<string, Field> Scoped = new(StringComparer.Ordinal)
    {
        ["span:name"] = Field.Name,
        ["span:duration"] = Field.Duration,
        ["span:status"] = Field.Status,
        ["span:statusMessage"] = Field.StatusMessage,
        ["span:kind"] = Field.Kind,
        ["span:id"] = Field.SpanId,
        ["span:parentID"] = Field.ParentId,
        ["span:childCount"] = Field.ChildCount,
        ["trace:id"] = Field.TraceId,
        ["trace:duration"] = Field.TraceDuration,
        ["trace:rootName"] = Field.RootName,
        ["trace:rootService"] = Field.RootService,
        ["event:name"] = Field.EventName,
        ["event:timeSinceStart"] = Field.EventTimeSinceStart,
        ["link:traceID"] = Field.LinkTraceId,
        ["link:spanID"] = Field.LinkSpanId,
        ["instrumentation:name"] = Field.InstrumentationName,
        ["instrumentation:version"] = Field.InstrumentationVersion,
    };

    public static readonly Dictionary<string, AttributeScope> Scopes = new(StringComparer.Ordinal)
    {
        ["span"] = AttributeScope.Span,
        ["resource"] = AttributeScope.Resource,
        ["event"] = AttributeScope.Event,
        ["link"] = AttributeScope.Link,
        ["instrumentation"] = AttributeScope.Instrumentation,
    };

    public static ValueType TypeOf(Field field) => field switch
    {
        Field.Duration or Field.TraceDuration or Field.EventTimeSinceStart => ValueType.Duration,
        Field.Status => ValueType.Status,
        Field.Kind => ValueType.Kind,
        Field.ChildCount or Field.NestedSetLeft or Field.NestedSetRight or Field.NestedSetParent => ValueType.Int,
        // like attributes in that they may stand alone
        Field.InstrumentationName or Field.InstrumentationVersion => ValueType.Attribute,
        _ => ValueType.String,
    };

    /// <summary>Fields that may be nil: they are in a trace whose root is not stored.</summary>
    public static bool MayBeMissing(Field field) => field is Field.RootName or Field.RootService;

    public static Sources ReadsOf(Field field) => field switch
    {
        Field.EventName or Field.EventTimeSinceStart => Sources.Event | Sources.Span,
        Field.LinkTraceId or Field.LinkSpanId => Sources.Link,
        Field.InstrumentationName or Field.InstrumentationVersion => Sources.Scope,
        Field.ChildCount or Field.TraceDuration or Field.RootName or Field.RootService or Field.NestedSetLeft or
            Field.NestedSetRight or Field.NestedSetParent => Sources.Trace,
        _ => Sources.Span,
    };

    public static Sources ReadsOf(AttributeScope scope) => scope switch
    {
        AttributeScope.Any => Sources.Span | Sources.Resource,
        AttributeScope.Span => Sources.Span,
        AttributeScope.Resource => Sources.Resource,
        AttributeScope.Event => Sources.Event,
        AttributeScope.Link => Sources.Link,
        _ => Sources.Scope,
    };

    /// <summary>Events and links are read from the span that has them.</summary>
    public static Sources Holders(Sources reads) =>
        (reads & (Sources.Event | Sources.Link)) == 0 ? Sources.None : Sources.Span;

    /// <summary>The digits of ids; null for fields that are none.</summary>
    public static int? IdDigits(Field field) => field switch
    {
        Field.TraceId or Field.LinkTraceId => 32,
        Field.SpanId or Field.ParentId or Field.LinkSpanId => 16,
        _ => null,
    };
}
