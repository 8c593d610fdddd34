using System.Buffers.Binary;
using System.Text;
using Tracing.Model;
using Tracing.Model.Wire;
using ZstdSharp;

namespace Tracing.Storage.Blocks;

/// <summary>
/// Spans as they are stored, up to some thousands, those of a trace beside each other. What a question does not need is
/// neither decompressed nor decoded. Looks immutable; for any thread: two that ask at once may decode the same twice.
/// </summary>
/// <remarks>Bytes that no <see cref="BlockWriter"/> wrote end in an <see cref="InvalidDataException"/>.</remarks>
sealed class SpanBlock
{
    [ThreadStatic]
    static Decompressor? t_zstd;

    readonly ReadOnlyMemory<byte> _bytes;
    readonly (int At, int Length, int Raw)[] _sections;
    readonly ValueList?[] _values;
    readonly CodeColumn?[] _codes;
    long _decoded;
    bool? _hasZipkin;

    public SpanBlock(ReadOnlyMemory<byte> bytes)
    {
        _bytes = bytes;
        var input = new ByteReader(bytes);
        var version = input.ReadInt32();
        if (version != BlockFormat.Version)
            throw new InvalidDataException($"The block has version {version}; this is version {BlockFormat.Version}.");
        Count = input.ReadInt32();
        TraceCount = input.ReadInt32();
        _sections = new (int, int, int)[input.ReadCount()];
        for (var i = 0; i < _sections.Length; i++)
            _sections[i] = (0, input.ReadInt32(), input.ReadInt32());
        long at = input.Position;
        for (var i = 0; i < _sections.Length; at += _sections[i++].Length)
            _sections[i].At = (int)at;
        KeyCount = (_sections.Length - (int)Section.FirstKey) / 2;
        if (at != bytes.Length || _sections.Length < (int)Section.FirstKey || Count > bytes.Length ||
            TraceCount > Count)
        {
            throw Damaged(
                $"{_sections.Length} sections, {Count} spans and {TraceCount} traces in {bytes.Length} bytes");
        }
        _values = new ValueList?[_sections.Length];
        _codes = new CodeColumn?[_sections.Length];
        FullWeight = bytes.Length + _sections.Sum(section => (long)section.Raw) + (16L * Count) + (28L * TraceCount);
    }

    public int Count { get; }

    public int TraceCount { get; }

    public int KeyCount { get; }

    public int SourceCount => Strings(Section.Sources).Count;

    /// <summary>Bytes in memory: of the block, and of what has been decoded so far.</summary>
    public long Weight => _bytes.Length + Interlocked.Read(ref _decoded);

    /// <summary>The same once all of it is decoded, but texts and values that were made objects.</summary>
    public long FullWeight { get; }

    public BlockTemplate[] Templates => field ??= ReadTemplates();

    public BlockTraces Traces => field ??= ReadTraces();

    public CodeColumn TemplateCodes => Codes(Section.TemplateCodes, Count, Templates.Length);

    public CodeColumn SourceCodes => Codes(Section.SourceCodes, Count, SourceCount);

    public CodeColumn CommitCodes => Codes(Section.CommitCodes, Count, CommitNames.Length);

    public byte[][] CommitNames => field ??= Strings(Section.Commits).ToArray();

    /// <summary>Nanoseconds since 1970; 0 when absent.</summary>
    public ulong[] Starts => field ??= ReadStarts();

    /// <summary>End minus start, wrapping.</summary>
    public long[] Durations => field ??= Array.ConvertAll(ReadNumbers(Section.Durations), n => unchecked((long)n));

    /// <summary>Of each trace why it is kept; empty where nothing was decided.</summary>
    public TraceKept[] Kept => field ??= ReadKept();

    string?[] NameTexts => field ??= new string?[Strings(Section.Names).Count];

    string?[] KeyTexts => field ??= new string?[KeyCount];

    InstrumentationScope?[] Scopes => field ??= new InstrumentationScope?[Strings(Section.Scopes).Count];

    Source?[] Sources => field ??= new Source?[SourceCount];

    ReadOnlyMemory<byte> SpanIds => field.Length == 8 * Count ? field : field = ReadRaw(Section.SpanIds, 8L * Count);

    ReadOnlyMemory<byte> Parents => field.Length == Count ? field : field = ReadRaw(Section.ParentCodes, Count);

    Dictionary<int, ulong> FarParents => field ??= ReadFarParents();

    public ulong SpanIdOf(int span) => BinaryPrimitives.ReadUInt64LittleEndian(SpanIds.Span[(8 * span)..]);

    public bool HasParent(int span) => Parents.Span[span] != BlockFormat.NoParent;

    public ulong ParentIdOf(int span)
    {
        var code = Parents.Span[span];
        if (code <= BlockFormat.FarParent)
            return code == BlockFormat.NoParent ? 0 : FarParents[span];
        var parent = (code & 1) == 0 ? span - (code >> 1) : span + (code >> 1);
        return (uint)parent < (uint)Count ? SpanIdOf(parent) : throw Damaged($"the parent of span {span}");
    }

    public ReadOnlySpan<byte> NameBytesOf(int name) => Strings(Section.Names).BytesOf(name);

    public string NameOf(int name) => NameTexts[name] ??= Encoding.UTF8.GetString(NameBytesOf(name));

    public ReadOnlySpan<byte> ScopeBytesOf(int scope) => Strings(Section.Scopes).BytesOf(scope);

    public ReadOnlySpan<byte> SourceBytesOf(int source) => Strings(Section.Sources).BytesOf(source);

    public ReadOnlySpan<byte> KeyBytesOf(int key) => Strings(Section.Keys).BytesOf(key);

    public string KeyTextOf(int key) => KeyTexts[key] ??= Encoding.UTF8.GetString(KeyBytesOf(key));

    /// <summary>The key's number; -1 when no span has it.</summary>
    public int KeyOf(ReadOnlySpan<byte> key)
    {
        for (var i = 0; i < KeyCount; i++)
        {
            if (KeyBytesOf(i).SequenceEqual(key))
                return i;
        }
        return -1;
    }

    public Resource ResourceOf(int source) => SourceOf(source).Resource;

    /// <summary>Null for a span of OTLP.</summary>
    public Endpoint? LocalEndpointOf(int source) => SourceOf(source).Local;

    /// <summary>What OTLP says of a source: of a span of Zipkin, its local endpoint.</summary>
    public Resource OtlpResourceOf(int source) => SourceOf(source).AsOtlp;

    /// <summary>The scope of a template.</summary>
    public InstrumentationScope ScopeOf(BlockTemplate template) => Scopes[template.Scope] ??=
        OtlpProtobuf.DecodeScope(ScopeBytesOf(template.Scope).ToArray());

    public Endpoint RemoteEndpointOf(int code) => EndpointOf(ExtraValuesOf(SpanTemplate.Remote).MemoryOf(code));

    /// <summary>Whether any span came as Zipkin's.</summary>
    public bool HasZipkin => _hasZipkin ??= Array.Exists(Templates, template => template.IsZipkin);

    public BlockTemplate TemplateOf(int span) => Templates[TemplateCodes[span]];

    /// <summary>See <see cref="Span.KnownDuration"/>.</summary>
    public ulong? KnownDurationOf(int span) => Span.KnownDurationOf(
        TemplateOf(span).IsZipkin ? SpanOrigin.Zipkin : SpanOrigin.Otlp, Starts[span],
        unchecked(Starts[span] + (ulong)Durations[span]));

    /// <summary>The service of the spans of a source; empty when it is not known.</summary>
    public string ServiceOf(int source) => SourceOf(source).ServiceName;

    /// <param name="trace">The span's.</param>
    public SpanIdentity IdentityOf(int span, int trace) => new(Traces.Ids[trace], new SpanId(SpanIdOf(span)),
        TemplateOf(span).Kind, (TemplateOf(span).Flags & SpanFlags.Shared) != 0,
        SourceOf(SourceCodes[span]).LowerServiceName);

    /// <summary>The distinct values of a key.</summary>
    public ValueList ValuesOf(int key) => Strings(BlockFormat.ValuesOfKey(key));

    /// <summary>How often the spans of each template have a key.</summary>
    public int[] UsesOf(int key) =>
        Array.ConvertAll(Templates, template => template.Keys.Count(each => each == key));

    /// <summary>Of the spans that have the key, in their order, the number of its value.</summary>
    public CodeColumn CodesOf(int key) => Codes(BlockFormat.CodesOfKey(key), KeyUses[key], ValuesOf(key).Count);

    public ValueList ExtraValuesOf(int extra) => Strings(BlockFormat.ValuesOfExtra(extra));

    public CodeColumn ExtraCodesOf(int extra) =>
        Codes(BlockFormat.CodesOfExtra(extra), ExtraUses[extra], ExtraValuesOf(extra).Count);

    /// <summary>All spans, in their order.</summary>
    public Span[] ReadAll()
    {
        var cursor = new SpanCursor(this);
        var spans = new Span[Count];
        for (var i = 0; i < spans.Length; i++)
            spans[i] = cursor.Read(i);
        return spans;
    }

    /// <param name="cursor">At the row's values.</param>
    internal Span ToSpan(int i, int trace, SpanCursor cursor)
    {
        var template = Templates[TemplateCodes[i]];
        var source = SourceOf(SourceCodes[i]);
        var attributes = template.Keys.Length == 0 ? [] : new KeyValue[template.Keys.Length];
        for (var k = 0; k < attributes.Length; k++)
        {
            var key = template.Keys[k];
            attributes[k] = new KeyValue(KeyTextOf(key), ValuesOf(key).ValueOf(CodesOf(key)[cursor.NextOfKey(key)]));
        }
        var message = ExtraOf(SpanTemplate.Message, template.Flags, cursor);
        var remote = ExtraOf(SpanTemplate.Remote, template.Flags, cursor);
        var traceState = ExtraOf(SpanTemplate.TraceState, template.Flags, cursor);
        var rest = ExtraOf(SpanTemplate.Rest, template.Flags, cursor) is { } bytes
            ? OtlpProtobuf.DecodeRest(bytes.ToArray()) : SpanRest.None;
        return new Span
        {
            TraceId = Traces.Ids[trace],
            SpanId = new SpanId(SpanIdOf(i)),
            ParentSpanId = new SpanId(ParentIdOf(i)),
            Origin = (template.Flags & SpanFlags.Zipkin) != 0 ? SpanOrigin.Zipkin : SpanOrigin.Otlp,
            Shared = (template.Flags & SpanFlags.Shared) != 0,
            Debug = (template.Flags & SpanFlags.Debug) != 0,
            Flags = template.OtlpFlags,
            Name = NameOf(template.Name),
            Kind = template.Kind,
            StartUnixNano = Starts[i],
            EndUnixNano = unchecked(Starts[i] + (ulong)Durations[i]),
            Attributes = attributes,
            Status = template.Status,
            StatusMessage = message is { } text ? Encoding.UTF8.GetString(text.Span) : "",
            Resource = source.Resource,
            Scope = ScopeOf(template),
            LocalEndpoint = source.Local,
            RemoteEndpoint = remote is { } host ? EndpointOf(host) : null,
            TraceState = traceState is { } state ? Encoding.UTF8.GetString(state.Span) : "",
            Events = rest.Events,
            Links = rest.Links,
            DroppedAttributes = rest.DroppedAttributes,
            DroppedEvents = rest.DroppedEvents,
            DroppedLinks = rest.DroppedLinks,
        };
    }

    ReadOnlyMemory<byte>? ExtraOf(int extra, SpanFlags flags, SpanCursor cursor) =>
        (flags & SpanTemplate.Extras[extra]) == 0
            ? default(ReadOnlyMemory<byte>?)
            : ExtraValuesOf(extra).MemoryOf(ExtraCodesOf(extra)[cursor.NextOfExtra(extra)]);

    static Endpoint EndpointOf(ReadOnlyMemory<byte> bytes)
    {
        var input = new ByteReader(bytes);
        return EndpointBytes.Read(ref input);
    }

    Source SourceOf(int source)
    {
        if (Sources[source] is { } known)
            return known;
        var input = new ByteReader(Strings(Section.Sources).MemoryOf(source));
        var resource = OtlpProtobuf.DecodeResource(input.ReadBytes().ToArray());
        return Sources[source] = new Source(resource, input.IsAtEnd ? null : EndpointBytes.Read(ref input));
    }

    /// <summary>How many spans have each key, and each of the extras.</summary>
    int[] KeyUses => field ??= CountUses(KeyCount, template => template.Keys);

    int[] ExtraUses => field ??= CountUses(SpanTemplate.Extras.Length, template => template.Extras);

    int[] CountUses(int count, Func<BlockTemplate, int[]> of)
    {
        var uses = new int[count];
        var spans = TemplateCodes.Count(Templates.Length);
        for (var code = 0; code < spans.Length; code++)
        {
            foreach (var each in of(Templates[code]))
                uses[each] += spans[code];
        }
        return uses;
    }

    ValueList Strings(Section section) => _values[(int)section] ??= new ValueList(Raw(section));

    CodeColumn Codes(Section section, int count, int limit) =>
        _codes[(int)section] ??= new CodeColumn(Raw(section), count, limit);

    ReadOnlyMemory<byte> ReadRaw(Section section, long length)
    {
        var raw = Raw(section);
        return raw.Length == length ? raw : throw Damaged($"{raw.Length} bytes of {section} instead of {length}");
    }

    ReadOnlyMemory<byte> Raw(Section section)
    {
        var (at, length, raw) = _sections[(int)section];
        var bytes = _bytes.Slice(at, length);
        if (raw == 0)
            return bytes;
        // zstd does not compress more than that
        if (raw / 100_000 > length)
            throw Damaged($"{raw} bytes of {section} out of {length}");
        var result = new byte[raw];
        try
        {
            if ((t_zstd ??= new Decompressor()).Unwrap(bytes.Span, result) != raw)
                throw Damaged($"{section} is shorter than {raw} bytes");
        }
        catch (ZstdException e)
        {
            throw new InvalidDataException($"The block is damaged: {section}: {e.Message}", e);
        }
        Interlocked.Add(ref _decoded, raw);
        return result;
    }

    BlockTemplate[] ReadTemplates()
    {
        var input = new ByteReader(Raw(Section.Templates));
        var templates = new BlockTemplate[input.ReadCount()];
        for (var i = 0; i < templates.Length; i++)
        {
            var (flags, name) = ((SpanFlags)input.ReadInt32(), input.ReadInt32());
            var (kind, status) = ((SpanKind)input.ReadSigned(), (StatusCode)input.ReadSigned());
            var (otlpFlags, scope) = ((uint)input.ReadUInt64(), input.ReadInt32());
            var keys = new int[input.ReadCount()];
            for (var k = 0; k < keys.Length; k++)
                keys[k] = Within(input.ReadInt32(), KeyCount);
            templates[i] = new BlockTemplate(flags, Within(name, NameTexts.Length), kind, status, otlpFlags,
                Within(scope, Scopes.Length), keys);
        }
        return templates;
    }

    BlockTraces ReadTraces()
    {
        var input = new ByteReader(Raw(Section.Traces));
        var (ids, starts, from) = (new TraceId[TraceCount], new ulong[TraceCount], new int[TraceCount + 1]);
        long at = 0;
        var start = 0UL;
        for (var i = 0; i < TraceCount; i++)
        {
            from[i] = (int)at;
            at += input.ReadInt32();
            starts[i] = start = unchecked(start + (ulong)input.ReadSigned());
            if (at > Count)
                throw Damaged($"more than {Count} spans in its traces");
        }
        from[TraceCount] = (int)at;
        if (at != Count)
            throw Damaged($"{at} of {Count} spans in its traces");
        for (var i = 0; i < TraceCount; i++)
            ids[i] = new TraceId(input.ReadFixed(), input.ReadFixed());
        Interlocked.Add(ref _decoded, 28L * TraceCount);
        return new BlockTraces(ids, starts, from);
    }

    TraceKept[] ReadKept()
    {
        var input = new ByteReader(Raw(Section.Kept));
        if (input.IsAtEnd)
            return [];
        var kept = new TraceKept[TraceCount];
        for (var i = 0; i < kept.Length; i++)
            kept[i] = new TraceKept((KeptReason)input.ReadInt32(), BitConverter.UInt64BitsToDouble(input.ReadFixed()));
        return kept;
    }

    Dictionary<int, ulong> ReadFarParents()
    {
        var input = new ByteReader(Raw(Section.ParentIds));
        var parents = new Dictionary<int, ulong>();
        var codes = Parents.Span;
        for (var i = 0; i < codes.Length; i++)
        {
            if (codes[i] == BlockFormat.FarParent)
                parents.Add(i, input.ReadFixed());
        }
        return parents;
    }

    ulong[] ReadStarts()
    {
        var starts = ReadNumbers(Section.Starts);
        var traces = Traces;
        for (var trace = 0; trace < TraceCount; trace++)
        {
            for (var i = traces.From[trace]; i < traces.From[trace + 1]; i++)
                starts[i] = unchecked(starts[i] + traces.Starts[trace]);
        }
        return starts;
    }

    ulong[] ReadNumbers(Section section)
    {
        var numbers = new ulong[Count];
        Interlocked.Add(ref _decoded, 8L * Count);
        if (Count == 0)
            return numbers;
        var raw = Raw(section).Span;
        var width = (raw.Length - 1) / Count;
        if (raw.Length != 1 + (width * Count) || width > 8 || raw[0] > 2)
            throw Damaged($"{raw.Length} bytes of {section} for {Count} spans");
        for (var plane = 0; plane < width; plane++)
        {
            var bytes = raw.Slice(1 + (plane * Count), Count);
            for (var i = 0; i < numbers.Length; i++)
                numbers[i] |= (ulong)bytes[i] << (8 * plane);
        }
        var unit = raw[0] switch { 0 => 1UL, 1 => 1000UL, _ => 1_000_000UL };
        if (unit > 1)
        {
            for (var i = 0; i < numbers.Length; i++)
                numbers[i] = unchecked(numbers[i] * unit);
        }
        return numbers;
    }

    static int Within(int number, int count) =>
        number < count ? number : throw Damaged($"number {number} of a dictionary of {count}");

    static InvalidDataException Damaged(string what) => new($"The block is damaged: {what}.");

    sealed record Source(Resource Resource, Endpoint? Local)
    {
        public Resource AsOtlp => field ??= Local is null ? Resource : OtlpGroups.ResourceOf(Local);

        public string ServiceName => Local?.ServiceName ?? Resource.ServiceName;

        public string LowerServiceName => field ??= SpanIdentity.ServiceOf(ServiceName);
    }
}

/// <summary><see cref="SpanTemplate"/> with the numbers of a block.</summary>
sealed class BlockTemplate
{
    public BlockTemplate(
        SpanFlags flags, int name, SpanKind kind, StatusCode status, uint otlpFlags, int scope, int[] keys)
    {
        (Flags, Name, Kind, Status, OtlpFlags, Scope, Keys) = (flags, name, kind, status, otlpFlags, scope, keys);
        Extras = [.. Enumerable.Range(0, SpanTemplate.Extras.Length)
            .Where(extra => (flags & SpanTemplate.Extras[extra]) != 0)];
    }

    public SpanFlags Flags { get; }

    public int Name { get; }

    public SpanKind Kind { get; }

    public StatusCode Status { get; }

    public uint OtlpFlags { get; }

    public int Scope { get; }

    public int[] Keys { get; }

    /// <summary>Which of <see cref="SpanTemplate.Extras"/> its spans have.</summary>
    public int[] Extras { get; }

    public bool IsZipkin => (Flags & SpanFlags.Zipkin) != 0;
}

/// <param name="Starts">The earliest start of each trace's spans in the block; 0 if one of them has none.</param>
/// <param name="From">The first span of each trace; one more at the end.</param>
sealed record BlockTraces(TraceId[] Ids, ulong[] Starts, int[] From)
{
    /// <summary>The traces with the low half of an id, which follow each other; the last excluded.</summary>
    public (int First, int Last) WithLow(ulong low)
    {
        var first = 0;
        while (first < Ids.Length && Ids[first].Low != low)
            first++;
        var last = first;
        while (last < Ids.Length && Ids[last].Low == low)
            last++;
        return (first, last);
    }

    /// <summary>The traces that have some of these rows, in their order.</summary>
    public IEnumerable<int> WithAny(RowSet rows)
    {
        for (var row = rows.Next(0); row >= 0;)
        {
            var trace = Of(row);
            yield return trace;
            row = rows.Next(From[trace + 1]);
        }
    }

    /// <summary>The trace of a span.</summary>
    public int Of(int span)
    {
        var at = Array.BinarySearch(From, span);
        return at >= 0 ? at : ~at - 1;
    }
}
