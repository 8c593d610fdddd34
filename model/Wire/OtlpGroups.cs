namespace Tracing.Model.Wire;

/// <summary>
/// Spans as OTLP nests them: under equal resources and scopes, each in the order it was first seen. Zipkin's spans are
/// translated on the way, as OpenTelemetry's specification maps them.
/// </summary>
static class OtlpGroups
{
    public const string DebugKey = "zipkin.debug";
    public const string SharedKey = "zipkin.shared";

    public sealed record ScopeGroup(InstrumentationScope Scope, List<Span> Spans);

    public sealed record ResourceGroup(Resource Resource, List<ScopeGroup> Scopes);

    public static List<ResourceGroup> Of(IReadOnlyList<Span> spans)
    {
        var groups = new List<ResourceGroup>();
        var resources = new Dictionary<Resource, ResourceGroup>();
        var scopes = new Dictionary<(Resource, InstrumentationScope), ScopeGroup>();
        ScopeGroup? last = null;
        Span? previous = null;
        foreach (var original in spans)
        {
            var span = original.Origin == SpanOrigin.Zipkin ? FromZipkin(original) : original;
            // neighbours mostly share their resource and scope: then nothing needs to be hashed
            if (previous is null || !SameGroup(previous, span))
                last = GroupOf(span, groups, resources, scopes);
            last!.Spans.Add(span);
            previous = span;
        }
        return groups;
    }

    static bool SameGroup(Span one, Span other) =>
        ReferenceEquals(one.Resource, other.Resource) && ReferenceEquals(one.Scope, other.Scope);

    static ScopeGroup GroupOf(Span span, List<ResourceGroup> groups, Dictionary<Resource, ResourceGroup> resources,
        Dictionary<(Resource, InstrumentationScope), ScopeGroup> scopes)
    {
        if (scopes.TryGetValue((span.Resource, span.Scope), out var scope))
            return scope;
        if (!resources.TryGetValue(span.Resource, out var resource))
        {
            resource = new ResourceGroup(span.Resource, []);
            resources.Add(span.Resource, resource);
            groups.Add(resource);
        }
        scope = new ScopeGroup(span.Scope, []);
        scopes.Add((span.Resource, span.Scope), scope);
        resource.Scopes.Add(scope);
        return scope;
    }

    /// <summary>The span as OTLP says it: the local endpoint becomes a resource, the rest attributes.</summary>
    public static Span FromZipkin(Span span)
    {
        var attributes = new List<KeyValue>(span.Attributes);
        if (span.RemoteEndpoint is { } remote)
            AddRemote(attributes, remote);
        if (span.Debug)
            Add(attributes, DebugKey, new AttributeValue(true));
        if (span.Shared)
            Add(attributes, SharedKey, new AttributeValue(true));
        return span with
        {
            Origin = SpanOrigin.Otlp,
            TimedAs = SpanOrigin.Zipkin,
            Resource = ResourceOf(span.LocalEndpoint),
            Attributes = attributes.Count == span.Attributes.Length ? span.Attributes : [.. attributes],
            LocalEndpoint = null,
            RemoteEndpoint = null,
            Debug = false,
            Shared = false,
        };
    }

    /// <summary>What a local endpoint of Zipkin is as a resource.</summary>
    public static Resource ResourceOf(Endpoint? local)
    {
        if (local is null)
            return Resource.Empty;
        var attributes = new List<KeyValue>(3);
        AddEndpoint(attributes, local, "service.name", "net.host");
        return new Resource { Attributes = [.. attributes] };
    }

    /// <summary>What a remote endpoint of Zipkin is as attributes of its span, where it has no such keys.</summary>
    public static KeyValue[] AttributesOf(Endpoint remote)
    {
        var attributes = new List<KeyValue>(3);
        AddRemote(attributes, remote);
        return [.. attributes];
    }

    static void AddRemote(List<KeyValue> attributes, Endpoint remote) =>
        AddEndpoint(attributes, remote, "peer.service", "net.peer");

    static void AddEndpoint(List<KeyValue> attributes, Endpoint endpoint, string serviceKey, string hostPrefix)
    {
        if (endpoint.ServiceName.Length > 0)
            Add(attributes, serviceKey, new AttributeValue(endpoint.ServiceName));
        var ip = endpoint.Ipv4.Length > 0 ? endpoint.Ipv4 : endpoint.Ipv6;
        if (ip.Length > 0)
            Add(attributes, hostPrefix + ".ip", new AttributeValue(ip));
        if (endpoint.Port != 0)
            Add(attributes, hostPrefix + ".port", new AttributeValue((long)endpoint.Port));
    }

    // a tag of that name was said by the application and stays: each key stands once
    static void Add(List<KeyValue> attributes, string key, AttributeValue value)
    {
        if (!attributes.Exists(attribute => attribute.Key == key))
            attributes.Add(new KeyValue(key, value));
    }
}
