using System.Runtime.InteropServices;
using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Storage.Blocks;

/// <summary>
/// Spans as columns of numbers, with a dictionary for each kind of text, resource and value. Blocks are written from
/// it and compacted through it. Grows as spans are added; not thread-safe.
/// </summary>
sealed class SpanColumns
{
    readonly Dictionary<SpanTemplate, int> _templateIds = [];
    readonly ByteWriter _scratch = new();

    // the spans of a request share these objects; to hash their contents for each span would cost more than the rest
    readonly Dictionary<object, int> _sourceIds = new(ReferenceEqualityComparer.Instance);
    readonly Dictionary<object, int> _scopeIds = new(ReferenceEqualityComparer.Instance);

    public int Count => SpanIds.Count;

    public List<TraceId> TraceIds { get; } = [];

    public List<ulong> SpanIds { get; } = [];

    /// <summary>0 for none.</summary>
    public List<ulong> ParentIds { get; } = [];

    /// <summary>Nanoseconds since 1970; 0 when absent.</summary>
    public List<ulong> Starts { get; } = [];

    /// <summary>End minus start, wrapping, so that it is exact for any two times.</summary>
    public List<long> Durations { get; } = [];

    /// <summary>Number of each span's template.</summary>
    public List<int> Templates { get; } = [];

    /// <summary>Number of each span's resource and local endpoint.</summary>
    public List<int> Sources { get; } = [];

    /// <summary>Number of the commit that each span came with.</summary>
    public List<int> Commits { get; } = [];

    /// <summary>
    /// Span after span the numbers of its values, in the order of its template's keys, then of
    /// <see cref="SpanTemplate.Extras"/>.
    /// </summary>
    public List<int> Values { get; } = [];

    /// <summary>Where each span's values begin in <see cref="Values"/>.</summary>
    public List<int> ValuesFrom { get; } = [];

    public List<SpanTemplate> TemplateList { get; } = [];

    public ByteDictionary Names { get; } = new();

    public ByteDictionary ScopeBytes { get; } = new();

    public ByteDictionary SourceBytes { get; } = new();

    /// <summary>What commits are called; compared byte by byte they are in order.</summary>
    public ByteDictionary CommitNames { get; } = new();

    public ByteDictionary Keys { get; } = new();

    /// <summary>Values of each key, as <see cref="AttributeBytes"/> writes them.</summary>
    public List<ByteDictionary> KeyValues { get; } = [];

    /// <summary>Of each list of keys, their numbers.</summary>
    public List<int[]> KeySets { get; } = [];

    /// <summary>Values of each of <see cref="SpanTemplate.Extras"/>.</summary>
    public ByteDictionary[] Extras { get; } = [new(), new(), new(), new()];

    readonly ByteDictionary _keySetIds = new();

    public void Clear()
    {
        TraceIds.Clear();
        SpanIds.Clear();
        ParentIds.Clear();
        Starts.Clear();
        Durations.Clear();
        Templates.Clear();
        Sources.Clear();
        Commits.Clear();
        Values.Clear();
        ValuesFrom.Clear();
        TemplateList.Clear();
        Names.Clear();
        ScopeBytes.Clear();
        SourceBytes.Clear();
        CommitNames.Clear();
        Keys.Clear();
        KeyValues.Clear();
        KeySets.Clear();
        foreach (var extra in Extras)
            extra.Clear();
        _keySetIds.Clear();
        _templateIds.Clear();
        _sourceIds.Clear();
        _scopeIds.Clear();
    }

    /// <param name="commit">What the commit is called that it comes with.</param>
    /// <param name="marks">Of <see cref="SpanFlags.Repeat"/> and <see cref="SpanFlags.Correction"/>.</param>
    public void Add(Span span, ReadOnlySpan<byte> commit, SpanFlags marks = SpanFlags.None)
    {
        TraceIds.Add(span.TraceId);
        SpanIds.Add(span.SpanId.Value);
        ParentIds.Add(span.ParentSpanId.Value);
        Starts.Add(span.StartUnixNano);
        Durations.Add(unchecked((long)(span.EndUnixNano - span.StartUnixNano)));
        Sources.Add(SourceOf(span));
        Commits.Add(CommitNames.Add(commit));
        ValuesFrom.Add(Values.Count);
        var keySet = AddAttributes(span.Attributes);
        var flags = AddExtras(span) | marks;
        Templates.Add(TemplateOf(new SpanTemplate(flags, Names.Add(Utf8(span.Name)), span.Kind, span.Status,
            span.Flags, ScopeOf(span.Scope), keySet)));
    }

    /// <summary>Bytes of the values of a span.</summary>
    public long ValueBytesOf(int span)
    {
        var template = TemplateList[Templates[span]];
        var next = ValuesFrom[span];
        var bytes = 0L;
        foreach (var key in KeySets[template.KeySet])
            bytes += KeyValues[key].LengthOf(Values[next++]);
        for (var extra = 0; extra < Extras.Length; extra++)
        {
            if ((template.Flags & SpanTemplate.Extras[extra]) != 0)
                bytes += Extras[extra].LengthOf(Values[next++]);
        }
        return bytes;
    }

    /// <summary>The number of a key, with a dictionary of its values.</summary>
    public int KeyOf(ReadOnlySpan<byte> key)
    {
        var id = Keys.Add(key);
        if (id == KeyValues.Count)
            KeyValues.Add(new ByteDictionary());
        return id;
    }

    public int KeySetOf(ReadOnlySpan<int> keys)
    {
        var id = _keySetIds.Add(MemoryMarshal.AsBytes(keys));
        if (id == KeySets.Count)
            KeySets.Add(keys.ToArray());
        return id;
    }

    public int TemplateOf(SpanTemplate template)
    {
        ref var id = ref CollectionsMarshal.GetValueRefOrAddDefault(_templateIds, template, out var isKnown);
        if (!isKnown)
        {
            id = TemplateList.Count;
            TemplateList.Add(template);
        }
        return id;
    }

    int AddAttributes(KeyValue[] attributes)
    {
        Span<int> keys = attributes.Length <= 128 ? stackalloc int[attributes.Length] : new int[attributes.Length];
        for (var i = 0; i < keys.Length; i++)
        {
            keys[i] = KeyOf(Utf8(attributes[i].Key));
            _scratch.Clear();
            AttributeBytes.Write(_scratch, attributes[i].Value);
            Values.Add(KeyValues[keys[i]].Add(_scratch.Written));
        }
        return KeySetOf(keys);
    }

    SpanFlags AddExtras(Span span)
    {
        var flags = (span.Origin == SpanOrigin.Zipkin ? SpanFlags.Zipkin : 0) |
            (span.Shared ? SpanFlags.Shared : 0) | (span.Debug ? SpanFlags.Debug : 0);
        if (span.StatusMessage.Length > 0)
        {
            flags |= SpanFlags.Message;
            Values.Add(Extras[SpanTemplate.Message].Add(Utf8(span.StatusMessage)));
        }
        if (span.RemoteEndpoint is { } remote)
        {
            flags |= SpanFlags.Remote;
            _scratch.Clear();
            EndpointBytes.Write(_scratch, remote);
            Values.Add(Extras[SpanTemplate.Remote].Add(_scratch.Written));
        }
        if (span.TraceState.Length > 0)
        {
            flags |= SpanFlags.TraceState;
            Values.Add(Extras[SpanTemplate.TraceState].Add(Utf8(span.TraceState)));
        }
        if (span.Events.Length > 0 || span.Links.Length > 0 ||
            (span.DroppedAttributes | span.DroppedEvents | span.DroppedLinks) != 0)
        {
            flags |= SpanFlags.Rest;
            Values.Add(Extras[SpanTemplate.Rest].Add(OtlpProtobuf.EncodeRest(
                span.TraceState.Length > 0 ? span with { TraceState = "" } : span)));
        }
        return flags;
    }

    int SourceOf(Span span)
    {
        object shared = (object?)span.LocalEndpoint ?? span.Resource;
        // a span with both, which no format makes, is not looked up by one of them
        var isShared = span.LocalEndpoint is null || ReferenceEquals(span.Resource, Resource.Empty);
        if (isShared && _sourceIds.TryGetValue(shared, out var known))
            return known;
        _scratch.Clear();
        _scratch.Write(OtlpProtobuf.EncodeResource(span.Resource));
        if (span.LocalEndpoint is { } local)
            EndpointBytes.Write(_scratch, local);
        var id = SourceBytes.Add(_scratch.Written);
        if (isShared)
            _sourceIds.Add(shared, id);
        return id;
    }

    int ScopeOf(InstrumentationScope scope)
    {
        ref var id = ref CollectionsMarshal.GetValueRefOrAddDefault(_scopeIds, scope, out var isKnown);
        if (!isKnown)
            id = ScopeBytes.Add(OtlpProtobuf.EncodeScope(scope));
        return id;
    }

    ReadOnlySpan<byte> Utf8(string text)
    {
        _scratch.Clear();
        return _scratch.AppendUtf8(text);
    }
}

/// <summary>A host as it is kept: name, addresses, port.</summary>
static class EndpointBytes
{
    public static void Write(ByteWriter output, Endpoint endpoint)
    {
        output.Write(endpoint.ServiceName);
        output.Write(endpoint.Ipv4);
        output.Write(endpoint.Ipv6);
        output.Write(endpoint.Port);
    }

    public static Endpoint Read(ref ByteReader input) => new()
    {
        ServiceName = input.ReadText(),
        Ipv4 = input.ReadText(),
        Ipv6 = input.ReadText(),
        Port = (ushort)input.ReadInt32(),
    };
}
