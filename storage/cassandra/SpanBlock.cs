using Tracing.Model;
using Tracing.Model.Wire;
using ZstdSharp;

namespace Tracing.Storage.Cassandra;

/// <summary>The columns of a block, in the order written.</summary>
enum Column
{
    Flags,
    Trace,
    SpanId,
    Parent,
    ParentId,
    Start,
    Duration,
    Name,
    Kind,
    Status,
    Message,
    OtlpFlags,
    Resource,
    Scope,
    Local,
    Remote,
    Shape,
    Rest,
    Count,
}

[Flags]
enum BlockFlags
{
    Zipkin = 1,
    Shared = 2,
    Debug = 4,

    /// <summary>The first span of a trace in the block.</summary>
    NewTrace = 8,

    /// <summary>The span has what few have: events, links and the like.</summary>
    Rest = 16,
}

/// <summary>
/// Spans as they are stored, some hundreds to thousands together, those of a trace beside each other. Decoded to
/// columns, which a search goes through without making spans. Immutable; for any thread.
/// </summary>
sealed class SpanBlock
{
    /// <summary>So many spans away a parent is looked for.</summary>
    public const int MaxParentDistance = 64;

    readonly string[] _texts;
    readonly Endpoint[] _endpoints;
    readonly InstrumentationScope[] _scopes;
    readonly int[] _names;
    readonly int[] _messages;
    readonly int[] _otlpFlags;
    readonly int[] _scopeIds;
    readonly int[] _locals;
    readonly int[] _remotes;
    readonly int[] _parents;
    readonly ulong[] _parentIds;
    readonly ulong[] _spanIds;
    readonly int[] _shapeIds;
    readonly int[][] _shapes;
    readonly BlockKey[] _keys;

    // of the attributes of all spans, in their order, which value of its key each has; where each span's begin
    readonly int[] _codes;
    readonly int[] _codesFrom;
    readonly Dictionary<int, byte[]> _rests = [];
    readonly BlockFlags[] _flags;
    Dictionary<ulong, (int From, int To)>? _ranges;

    SpanBlock(ByteReader input, int bytes)
    {
        Count = input.ReadInt32();
        _texts = ReadAll(ref input, static (ref ByteReader i) => i.ReadText());
        Resources = ReadAll(ref input,
            static (ref ByteReader i) => OtlpProtobuf.DecodeResource(i.ReadBytes().ToArray()));
        _scopes = ReadAll(ref input, static (ref ByteReader i) => OtlpProtobuf.DecodeScope(i.ReadBytes().ToArray()));
        _endpoints = ReadAll(ref input, static (ref ByteReader i) => new Endpoint
        {
            ServiceName = i.ReadText(),
            Ipv4 = i.ReadText(),
            Ipv6 = i.ReadText(),
            Port = (ushort)i.ReadInt32(),
        });
        _keys = ReadAll(ref input, static (ref ByteReader i) => new BlockKey(ref i));
        _shapes = ReadAll(ref input, static (ref ByteReader i) => ReadAll(ref i, static (ref ByteReader k) =>
            k.ReadInt32()));
        var columns = new ByteReader[(int)Column.Count];
        for (var i = 0; i < columns.Length; i++)
            columns[i] = new ByteReader(input.ReadBytes());
        _flags = Array.ConvertAll(ReadInts(ref columns[(int)Column.Flags]), flags => (BlockFlags)flags);
        (TraceOf, Traces) = ReadTraces(ref columns[(int)Column.Trace]);
        _spanIds = new ulong[Count];
        for (var i = 0; i < Count; i++)
            _spanIds[i] = columns[(int)Column.SpanId].ReadFixed();
        _parents = ReadInts(ref columns[(int)Column.Parent]);
        _parentIds = ReadParents(ref columns[(int)Column.ParentId]);
        Starts = ReadStarts(ref columns[(int)Column.Start]);
        Durations = new long[Count];
        for (var i = 0; i < Count; i++)
            Durations[i] = columns[(int)Column.Duration].ReadSigned();
        _names = ReadInts(ref columns[(int)Column.Name]);
        Kinds = ReadEnums(ref columns[(int)Column.Kind], static number => (SpanKind)number);
        Statuses = ReadEnums(ref columns[(int)Column.Status], static number => (StatusCode)number);
        _messages = ReadInts(ref columns[(int)Column.Message]);
        _otlpFlags = new int[Count];
        for (var i = 0; i < Count; i++)
            _otlpFlags[i] = unchecked((int)(uint)columns[(int)Column.OtlpFlags].ReadUInt64());
        ResourceIds = ReadInts(ref columns[(int)Column.Resource]);
        _scopeIds = ReadInts(ref columns[(int)Column.Scope]);
        _locals = ReadInts(ref columns[(int)Column.Local]);
        _remotes = ReadInts(ref columns[(int)Column.Remote]);
        _shapeIds = ReadInts(ref columns[(int)Column.Shape]);
        (_codes, _codesFrom) = ReadCodes();
        for (var i = 0; i < Count; i++)
        {
            if (Is(i, BlockFlags.Rest))
                _rests.Add(i, columns[(int)Column.Rest].ReadBytes().ToArray());
        }
        Weight = (2 * bytes) + (80 * Count) + (4 * _codes.Length);
    }

    /// <param name="data">What <see cref="BlockEncoder"/> wrote.</param>
    public static SpanBlock Decode(byte[] data)
    {
        if (data is not [BlockEncoder.Version, ..])
            throw new InvalidDataException($"A block has the unknown version {data.FirstOrDefault()}.");
        using var zstd = new Decompressor();
        var bytes = zstd.Unwrap(data.AsSpan(1)).ToArray();
        return new SpanBlock(new ByteReader(bytes), bytes.Length);
    }

    public int Count { get; }

    /// <summary>Bytes in memory, about.</summary>
    public int Weight { get; }

    public TraceId[] Traces { get; }

    /// <summary>Of each span, which of the <see cref="Traces"/>.</summary>
    public int[] TraceOf { get; }

    public ulong[] Starts { get; }

    public long[] Durations { get; }

    public SpanKind[] Kinds { get; }

    public StatusCode[] Statuses { get; }

    public Resource[] Resources { get; }

    public int[] ResourceIds { get; }

    public bool IsZipkin(int span) => Is(span, BlockFlags.Zipkin);

    public string NameOf(int span) => _texts[_names[span]];

    public int NameIdOf(int span) => _names[span];

    public string MessageOf(int span) => _texts[_messages[span]];

    /// <summary>Of each text whether it is something; asked once for each.</summary>
    public bool[] TextsThat(Predicate<string> predicate) => Array.ConvertAll(_texts, text => predicate(text));

    public Endpoint? LocalOf(int span) => _locals[span] == 0 ? null : _endpoints[_locals[span] - 1];

    /// <summary>Of the key's number, or -1.</summary>
    public int KeyOf(string key) => Array.FindIndex(_keys, each => each.Key == key);

    public AttributeValue[] ValuesOf(int key) => _keys[key].Values;

    /// <summary>The value that a span has for a key, as a number of <see cref="ValuesOf"/>; -1 for none.</summary>
    public int CodeOf(int span, int key)
    {
        var at = Array.LastIndexOf(_shapes[_shapeIds[span]], key);
        return at < 0 ? -1 : _codes[_codesFrom[span] + at];
    }

    /// <summary>The spans of the traces with a low half of an id, which stand beside each other.</summary>
    public (int From, int To) RangeOf(ulong low)
    {
        // made by the first who asks; two may, and make the same
        var ranges = Volatile.Read(ref _ranges);
        if (ranges is null)
        {
            ranges = [];
            for (int from = 0, to; from < Count; from = to)
            {
                to = from + 1;
                while (to < Count && Traces[TraceOf[to]].Low == Traces[TraceOf[from]].Low)
                    to++;
                ranges[Traces[TraceOf[from]].Low] = (from, to);
            }
            Volatile.Write(ref _ranges, ranges);
        }
        return ranges.GetValueOrDefault(low);
    }

    public bool HasRest(int span) => Is(span, BlockFlags.Rest);

    public Span ToSpan(int i)
    {
        var rest = _rests.TryGetValue(i, out var bytes) ? OtlpProtobuf.DecodeRest(bytes) : SpanRest.None;
        return new Span
        {
            TraceId = Traces[TraceOf[i]],
            SpanId = new SpanId(_spanIds[i]),
            ParentSpanId = new SpanId(ParentOf(i)),
            Origin = IsZipkin(i) ? SpanOrigin.Zipkin : SpanOrigin.Otlp,
            Shared = Is(i, BlockFlags.Shared),
            Debug = Is(i, BlockFlags.Debug),
            Flags = unchecked((uint)_otlpFlags[i]),
            Name = NameOf(i),
            Kind = Kinds[i],
            StartUnixNano = Starts[i],
            EndUnixNano = unchecked(Starts[i] + (ulong)Durations[i]),
            Attributes = AttributesOf(i),
            Status = Statuses[i],
            StatusMessage = MessageOf(i),
            Resource = Resources[ResourceIds[i]],
            Scope = _scopes[_scopeIds[i]],
            LocalEndpoint = LocalOf(i),
            RemoteEndpoint = _remotes[i] == 0 ? null : _endpoints[_remotes[i] - 1],
            TraceState = rest.TraceState,
            Events = rest.Events,
            Links = rest.Links,
            DroppedAttributes = rest.DroppedAttributes,
            DroppedEvents = rest.DroppedEvents,
            DroppedLinks = rest.DroppedLinks,
        };
    }

    KeyValue[] AttributesOf(int i)
    {
        var shape = _shapes[_shapeIds[i]];
        var attributes = shape.Length == 0 ? [] : new KeyValue[shape.Length];
        for (var j = 0; j < shape.Length; j++)
        {
            var key = _keys[shape[j]];
            attributes[j] = new KeyValue(key.Key, key.Values[_codes[_codesFrom[i] + j]]);
        }
        return attributes;
    }

    ulong ParentOf(int i) => _parents[i] switch
    {
        0 => 0,
        1 => _parentIds[i],
        var code when (code & 1) == 0 => _spanIds[i - (code >> 1)],
        var code => _spanIds[i + (code >> 1)],
    };

    bool Is(int span, BlockFlags flag) => (_flags[span] & flag) != 0;

    (int[] TraceOf, TraceId[] Traces) ReadTraces(ref ByteReader input)
    {
        var traces = new List<TraceId>();
        var traceOf = new int[Count];
        for (var i = 0; i < Count; i++)
        {
            if (Is(i, BlockFlags.NewTrace))
                traces.Add(new TraceId(input.ReadFixed(), input.ReadFixed()));
            traceOf[i] = traces.Count - 1;
        }
        return (traceOf, [.. traces]);
    }

    ulong[] ReadParents(ref ByteReader input)
    {
        // few blocks have none
        var ids = new ulong[Count];
        for (var i = 0; i < Count; i++)
            ids[i] = _parents[i] == 1 ? input.ReadFixed() : 0;
        return ids;
    }

    ulong[] ReadStarts(ref ByteReader input)
    {
        var starts = new ulong[Count];
        var before = 0UL;
        for (var i = 0; i < Count; i++)
            starts[i] = before = unchecked(before + (ulong)input.ReadSigned());
        return starts;
    }

    int[] ReadInts(ref ByteReader input)
    {
        var numbers = new int[Count];
        for (var i = 0; i < Count; i++)
            numbers[i] = input.ReadInt32();
        return numbers;
    }

    T[] ReadEnums<T>(ref ByteReader input, Func<int, T> of)
    {
        var numbers = new T[Count];
        for (var i = 0; i < Count; i++)
            numbers[i] = of((int)input.ReadSigned());
        return numbers;
    }

    (int[] Codes, int[] From) ReadCodes()
    {
        var from = new int[Count];
        var total = 0;
        for (var i = 0; i < Count; i++)
        {
            from[i] = total;
            total += _shapes[_shapeIds[i]].Length;
        }
        var codes = new int[total];
        var next = 0;
        var readers = Array.ConvertAll(_keys, key => key.Codes);
        for (var i = 0; i < Count; i++)
        {
            foreach (var key in _shapes[_shapeIds[i]])
                codes[next++] = readers[key].ReadInt32();
        }
        return (codes, from);
    }

    delegate T Read<T>(ref ByteReader input);

    static T[] ReadAll<T>(ref ByteReader input, Read<T> read)
    {
        var all = new T[input.ReadCount()];
        for (var i = 0; i < all.Length; i++)
            all[i] = read(ref input);
        return all;
    }

    /// <summary>A key and the values that it has in a block, each once.</summary>
    sealed class BlockKey
    {
        public BlockKey(ref ByteReader input)
        {
            Key = input.ReadText();
            Values = ReadAll(ref input, AttributeBytes.Read);
            Codes = new ByteReader(input.ReadBytes());
        }

        public string Key { get; }

        public AttributeValue[] Values { get; }

        /// <summary>Of each attribute of the key, which value it has.</summary>
        public ByteReader Codes { get; }
    }
}
