using System.Runtime.CompilerServices;
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

    /// <summary>Not there where the order of rows is that of the group.</summary>
    Place,

    /// <summary>Of each trace; only there in what is kept of slices.</summary>
    Kept,
    Count,
}

/// <summary>
/// Spans as they are stored, some hundreds to thousands together, those of a trace beside each other. Columns, texts
/// and values are decoded when they are first asked for: a search goes through a few columns without making spans, and
/// a trace needs few of the values. Looks immutable; for any thread.
/// </summary>
sealed class SpanBlock
{
    /// <summary>So many spans away a parent is looked for.</summary>
    public const int MaxParentDistance = 64;

    [ThreadStatic]
    static Decompressor? t_zstd;

    readonly LazyItems<string> _texts;
    readonly LazyItems<InstrumentationScope> _scopes;
    readonly LazyItems<Endpoint> _endpoints;
    readonly BlockKey[] _keys;
    readonly int[][] _shapes;
    readonly ByteReader[] _columns = new ByteReader[(int)Column.Count];

    SpanBlock(byte[] bytes)
    {
        var input = new ByteReader(bytes);
        Count = input.ReadInt32();
        _texts = new(ref input, SkipText, static (ref ByteReader i) => i.ReadText());
        Resources = new(ref input, SkipText,
            static (ref ByteReader i) => OtlpProtobuf.DecodeResource(i.ReadBytes().ToArray()));
        _scopes = new(ref input, SkipText,
            static (ref ByteReader i) => OtlpProtobuf.DecodeScope(i.ReadBytes().ToArray()));
        _endpoints = new(ref input, SkipEndpoint, static (ref ByteReader i) => new Endpoint
        {
            ServiceName = i.ReadText(),
            Ipv4 = i.ReadText(),
            Ipv6 = i.ReadText(),
            Port = (ushort)i.ReadInt32(),
        });
        _keys = ReadAll(ref input, static (ref ByteReader i) => new BlockKey(ref i));
        _shapes = ReadAll(ref input, static (ref ByteReader i) => ReadAll(ref i, static (ref ByteReader k) =>
            k.ReadInt32()));
        // blocks of before the last columns were there end earlier
        for (var i = 0; i < _columns.Length && !input.IsAtEnd; i++)
            _columns[i] = new ByteReader(input.ReadBytes());
        Weight = (2 * bytes.Length) + (80 * Count);
    }

    /// <param name="data">What <see cref="BlockEncoder"/> wrote.</param>
    public static SpanBlock Decode(byte[] data)
    {
        if (data is not [BlockEncoder.Version, ..])
            throw new InvalidDataException($"A block has the unknown version {data.FirstOrDefault()}.");
        return new SpanBlock((t_zstd ??= new Decompressor()).Unwrap(data.AsSpan(1)).ToArray());
    }

    public int Count { get; }

    /// <summary>Bytes in memory, about, with what is decoded mostly.</summary>
    public int Weight { get; }

    public TraceId[] Traces => field ??= ReadTraces();

    /// <summary>Of each span, which of the <see cref="Traces"/>.</summary>
    public int[] TraceOf => field ??= ReadTraceOf();

    public ulong[] Starts => field ??= ReadStarts();

    /// <summary>End minus start, wrapping.</summary>
    public long[] Durations => field ??= ReadSigned(Column.Duration, static number => number);

    /// <summary>See <see cref="Span.KnownDuration"/>.</summary>
    public ulong? KnownDurationOf(int span) => Span.KnownDurationOf(
        OriginOf(span), Starts[span], unchecked(Starts[span] + (ulong)Durations[span]));

    public SpanKind[] Kinds => field ??= ReadSigned(Column.Kind, static number => (SpanKind)number);

    public StatusCode[] Statuses => field ??= ReadSigned(Column.Status, static number => (StatusCode)number);

    public LazyItems<Resource> Resources { get; }

    public int[] ResourceIds => field ??= ReadInts(Column.Resource);

    /// <summary>Whether a span came as Zipkin's.</summary>
    public bool HasZipkin => field |= Flags.Any(flags => (flags & BlockFlags.Zipkin) != 0);

    /// <summary>Of each span, its place in the order that the group was stored in; empty if that is of rows.</summary>
    public int[] Places => field ??= ReadPlaces();

    /// <summary>Why the traces are kept, in their order; empty where nothing was decided on them.</summary>
    TraceKept[] Kept => field ??= ReadKept();

    BlockFlags[] Flags => field ??= Array.ConvertAll(ReadInts(Column.Flags), flags => (BlockFlags)flags);

    ulong[] SpanIds => field ??= ReadFixed(Column.SpanId, _ => true);

    int[] Parents => field ??= ReadInts(Column.Parent);

    // few blocks have none
    ulong[] ParentIds => field ??= ReadFixed(Column.ParentId, i => Parents[i] == 1);

    int[] NameIds => field ??= ReadInts(Column.Name);

    int[] MessageIds => field ??= ReadInts(Column.Message);

    uint[] OtlpFlags => field ??= ReadFlags();

    int[] ScopeIds => field ??= ReadInts(Column.Scope);

    int[] Locals => field ??= ReadInts(Column.Local);

    int[] Remotes => field ??= ReadInts(Column.Remote);

    int[] ShapeIds => field ??= ReadInts(Column.Shape);

    AttributeCodes Attributes => field ??= ReadCodes();

    Dictionary<int, byte[]> Rests => field ??= ReadRests();

    Dictionary<ulong, (int From, int To)> Ranges => field ??= FindRanges();

    public bool IsZipkin(int span) => Is(span, BlockFlags.Zipkin);

    SpanOrigin OriginOf(int span) => IsZipkin(span) ? SpanOrigin.Zipkin : SpanOrigin.Otlp;

    public string NameOf(int span) => _texts[NameIds[span]];

    public int NameIdOf(int span) => NameIds[span];

    /// <summary>Of each text whether it is something; asked once for each.</summary>
    public bool[] TextsThat(Predicate<string> predicate) => _texts.That(predicate);

    public string ServiceOf(int span) => IsZipkin(span)
        ? LocalOf(span)?.ServiceName ?? ""
        : Resources[ResourceIds[span]].ServiceName;

    public Endpoint? LocalOf(int span) => Locals[span] == 0 ? null : _endpoints[Locals[span] - 1];

    /// <summary>Of the key's number, or -1.</summary>
    public int KeyOf(string key) => Array.FindIndex(_keys, each => each.Key == key);

    /// <summary>Of each value of a key whether it is something; asked once for each.</summary>
    public bool[] ValuesThat(int key, Predicate<AttributeValue> predicate) =>
        _keys[key].Values.That(value => predicate(value.Value));

    /// <summary>The values that spans have for a key, by number of the value; -1 for none.</summary>
    public int[] CodesOf(int key)
    {
        // of a key that a span has more than once, the last counts
        var codes = new int[Count];
        var input = _keys[key].Codes;
        var counts = Array.ConvertAll(_shapes, shape => shape.Count(each => each == key));
        for (var i = 0; i < Count; i++)
        {
            codes[i] = -1;
            for (var left = counts[ShapeIds[i]]; left > 0; left--)
                codes[i] = input.ReadInt32();
        }
        return codes;
    }

    /// <summary>The spans of the traces with a low half of an id, which stand beside each other.</summary>
    public (int From, int To) RangeOf(ulong low) => Ranges.GetValueOrDefault(low);

    /// <summary>Why a trace is kept, by its number in the block.</summary>
    public TraceKept KeptOf(int trace) => Kept.Length == 0 ? TraceKept.Whole : Kept[trace];

    /// <summary>Of the traces with a low half of an id; also if there are none.</summary>
    public TraceKept KeptOf(ulong low) =>
        RangeOf(low) is var (from, to) && from < to ? KeptOf(TraceOf[from]) : TraceKept.Whole;

    public bool IsDebug(int span) => Is(span, BlockFlags.Debug);

    public bool HasParent(int span) => Parents[span] != 0;

    public bool HasRest(int span) => Is(span, BlockFlags.Rest);

    public bool IsRepeat(int span) => Is(span, BlockFlags.Repeat);

    public bool IsCorrection(int span) => Is(span, BlockFlags.Correction);

    public SpanIdentity KeyOf(int i) => new(Traces[TraceOf[i]], new SpanId(SpanIds[i]), Kinds[i],
        Is(i, BlockFlags.Shared), ServiceOf(i).ToLowerInvariant());

    public Span ToSpan(int i)
    {
        var rest = Rests.TryGetValue(i, out var bytes) ? OtlpProtobuf.DecodeRest(bytes) : SpanRest.None;
        return new Span
        {
            TraceId = Traces[TraceOf[i]],
            SpanId = new SpanId(SpanIds[i]),
            ParentSpanId = new SpanId(ParentOf(i)),
            Origin = OriginOf(i),
            Shared = Is(i, BlockFlags.Shared),
            Debug = IsDebug(i),
            Flags = OtlpFlags[i],
            Name = NameOf(i),
            Kind = Kinds[i],
            StartUnixNano = Starts[i],
            EndUnixNano = unchecked(Starts[i] + (ulong)Durations[i]),
            Attributes = AttributesOf(i),
            Status = Statuses[i],
            StatusMessage = _texts[MessageIds[i]],
            Resource = Resources[ResourceIds[i]],
            Scope = _scopes[ScopeIds[i]],
            LocalEndpoint = LocalOf(i),
            RemoteEndpoint = Remotes[i] == 0 ? null : _endpoints[Remotes[i] - 1],
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
        var shape = _shapes[ShapeIds[i]];
        var attributes = shape.Length == 0 ? [] : new KeyValue[shape.Length];
        var (codes, from) = Attributes;
        for (var j = 0; j < shape.Length; j++)
        {
            var key = _keys[shape[j]];
            attributes[j] = new KeyValue(key.Key, key.Values[codes[from[i] + j]].Value);
        }
        return attributes;
    }

    ulong ParentOf(int i) => Parents[i] switch
    {
        0 => 0,
        1 => ParentIds[i],
        var code when (code & 1) == 0 => SpanIds[i - (code >> 1)],
        var code => SpanIds[i + (code >> 1)],
    };

    bool Is(int span, BlockFlags flag) => (Flags[span] & flag) != 0;

    TraceId[] ReadTraces()
    {
        var input = _columns[(int)Column.Trace];
        var traces = new TraceId[Flags.Count(flags => (flags & BlockFlags.NewTrace) != 0)];
        for (var i = 0; i < traces.Length; i++)
            traces[i] = new TraceId(input.ReadFixed(), input.ReadFixed());
        return traces;
    }

    int[] ReadTraceOf()
    {
        var traceOf = new int[Count];
        var trace = -1;
        for (var i = 0; i < Count; i++)
            traceOf[i] = Is(i, BlockFlags.NewTrace) ? ++trace : trace;
        return traceOf;
    }

    Dictionary<ulong, (int From, int To)> FindRanges()
    {
        var ranges = new Dictionary<ulong, (int From, int To)>(SeededHash.Comparer);
        for (int from = 0, to; from < Count; from = to)
        {
            to = from + 1;
            while (to < Count && Traces[TraceOf[to]].Low == Traces[TraceOf[from]].Low)
                to++;
            ranges[Traces[TraceOf[from]].Low] = (from, to);
        }
        return ranges;
    }

    ulong[] ReadStarts()
    {
        var before = 0UL;
        return ReadSigned(Column.Start, distance => before = unchecked(before + (ulong)distance));
    }

    int[] ReadPlaces()
    {
        var before = 0L;
        return _columns[(int)Column.Place].IsAtEnd
            ? []
            : ReadSigned(Column.Place, distance => (int)(before += distance));
    }

    TraceKept[] ReadKept()
    {
        var input = _columns[(int)Column.Kept];
        if (input.IsAtEnd)
            return [];
        var kept = new TraceKept[Traces.Length];
        for (var i = 0; i < kept.Length; i++)
            kept[i] = new TraceKept((KeptReason)input.ReadInt32(), BitConverter.UInt64BitsToDouble(input.ReadFixed()));
        return kept;
    }

    ulong[] ReadFixed(Column column, Predicate<int> has)
    {
        var input = _columns[(int)column];
        var numbers = new ulong[Count];
        for (var i = 0; i < Count; i++)
            numbers[i] = has(i) ? input.ReadFixed() : 0;
        return numbers;
    }

    int[] ReadInts(Column column)
    {
        var input = _columns[(int)column];
        var numbers = new int[Count];
        for (var i = 0; i < Count; i++)
            numbers[i] = input.ReadInt32();
        return numbers;
    }

    uint[] ReadFlags()
    {
        var input = _columns[(int)Column.OtlpFlags];
        var flags = new uint[Count];
        for (var i = 0; i < Count; i++)
            flags[i] = (uint)input.ReadUInt64();
        return flags;
    }

    T[] ReadSigned<T>(Column column, Func<long, T> of)
    {
        var input = _columns[(int)column];
        var numbers = new T[Count];
        for (var i = 0; i < Count; i++)
            numbers[i] = of(input.ReadSigned());
        return numbers;
    }

    AttributeCodes ReadCodes()
    {
        var from = new int[Count];
        var total = 0;
        for (var i = 0; i < Count; i++)
        {
            from[i] = total;
            total += _shapes[ShapeIds[i]].Length;
        }
        var codes = new int[total];
        var next = 0;
        var readers = Array.ConvertAll(_keys, key => key.Codes);
        for (var i = 0; i < Count; i++)
        {
            foreach (var key in _shapes[ShapeIds[i]])
                codes[next++] = readers[key].ReadInt32();
        }
        return new AttributeCodes(codes, from);
    }

    Dictionary<int, byte[]> ReadRests()
    {
        var input = _columns[(int)Column.Rest];
        var rests = new Dictionary<int, byte[]>();
        for (var i = 0; i < Count; i++)
        {
            if (Is(i, BlockFlags.Rest))
                rests.Add(i, input.ReadBytes().ToArray());
        }
        return rests;
    }

    static T[] ReadAll<T>(ref ByteReader input, Read<T> read)
    {
        var all = new T[input.ReadCount()];
        for (var i = 0; i < all.Length; i++)
            all[i] = read(ref input);
        return all;
    }

    static void SkipText(ref ByteReader input) => input.ReadBytes();

    static void SkipEndpoint(ref ByteReader input)
    {
        for (var text = 0; text < 3; text++)
            input.ReadBytes();
        input.ReadInt32();
    }

    /// <summary>Of the attributes of all spans, in their order, which value of its key each has.</summary>
    /// <param name="From">Where each span's begin.</param>
    sealed record AttributeCodes(int[] Codes, int[] From);

    /// <summary>A key and the values that it has in a block, each once.</summary>
    sealed class BlockKey
    {
        public BlockKey(ref ByteReader input)
        {
            Key = input.ReadText();
            Values = new(ref input, AttributeBytes.Skip,
                static (ref ByteReader i) => new StrongBox<AttributeValue>(AttributeBytes.Read(ref i)));
            Codes = new ByteReader(input.ReadBytes());
        }

        public string Key { get; }

        public LazyItems<StrongBox<AttributeValue>> Values { get; }

        /// <summary>Of each attribute of the key, which value it has.</summary>
        public ByteReader Codes { get; }
    }
}

delegate T Read<T>(ref ByteReader input);

delegate void Skip(ref ByteReader input);

/// <summary>Things that a block has once each; each is decoded when it is first asked for, by whoever asks.</summary>
sealed class LazyItems<T> where T : class
{
    readonly ByteReader _input;
    readonly int[] _places;
    readonly T?[] _items;
    readonly Read<T> _read;

    /// <summary>Goes over them.</summary>
    public LazyItems(ref ByteReader input, Skip skip, Read<T> read)
    {
        _read = read;
        _input = input;
        _items = new T[input.ReadCount()];
        _places = new int[_items.Length];
        for (var i = 0; i < _items.Length; i++)
        {
            _places[i] = input.Position;
            skip(ref input);
        }
    }

    public int Count => _items.Length;

    // two who ask at once may decode the same thing twice
    public T this[int i] => _items[i] ??= Decode(i);

    public bool[] That(Predicate<T> predicate)
    {
        var fits = new bool[Count];
        for (var i = 0; i < fits.Length; i++)
            fits[i] = predicate(this[i]);
        return fits;
    }

    T Decode(int i)
    {
        var input = _input.At(_places[i]);
        return _read(ref input);
    }
}
