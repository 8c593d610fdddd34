using System.Runtime.InteropServices;
using Tracing.Model;
using Tracing.Model.Wire;
using ZstdSharp;

namespace Tracing.Storage.Cassandra;

/// <summary>
/// Writes spans as a block (<see cref="SpanBlock"/>): what repeats once, then column by column, compressed by zstd. One
/// block after the other; not thread-safe.
/// </summary>
sealed class BlockEncoder : IDisposable
{
    /// <summary>Changes with the layout.</summary>
    public const byte Version = 1;

    /// <summary>Level of zstd: 6 takes a tenth less room than 3 and 9 hardly less than 6.</summary>
    const int Level = 6;

    readonly Compressor _zstd = new(Level);
    readonly ByteWriter _body = new();
    readonly Interned<string> _texts = new();
    readonly Interned<Resource> _resources = new();
    readonly Interned<InstrumentationScope> _scopes = new();
    readonly Interned<Endpoint> _endpoints = new();
    readonly List<KeyColumn> _keys = [];
    readonly Dictionary<string, int> _keyIds = new(StringComparer.Ordinal);
    readonly ShapeSet _shapes = new();
    readonly ByteWriter[] _columns = [.. Enumerable.Range(0, (int)Column.Count).Select(_ => new ByteWriter())];

    /// <summary>The spans of a trace must follow each other; they come back in this order.</summary>
    /// <param name="places">Of each span, its place in the order stored; none where that is the order of rows.</param>
    /// <param name="kept">By the low half of its id, why a trace is kept; null where nothing was decided.</param>
    /// <param name="repeats">Of each span, what marks it as a repeat; none where none is one.</param>
    public byte[] Encode(ReadOnlySpan<Span> spans, ReadOnlySpan<int> places = default,
        IReadOnlyDictionary<ulong, TraceKept>? kept = null, ReadOnlySpan<BlockFlags> repeats = default)
    {
        Clear();
        for (var i = 0; i < spans.Length; i++)
        {
            Add(spans, i, repeats.Length > 0 ? repeats[i] : BlockFlags.None);
            if (kept is not null && (i == 0 || spans[i - 1].TraceId != spans[i].TraceId))
                Add(kept[spans[i].TraceId.Low]);
        }
        for (var i = 0; i < places.Length; i++)
            Of(Column.Place).WriteSigned(places[i] - (i == 0 ? 0 : places[i - 1]));
        _body.Write(spans.Length);
        _body.Write(_texts.Count);
        foreach (var text in _texts.All)
            _body.Write(text);
        _body.Write(_resources.Count);
        foreach (var resource in _resources.All)
            _body.Write(OtlpProtobuf.EncodeResource(resource));
        _body.Write(_scopes.Count);
        foreach (var scope in _scopes.All)
            _body.Write(OtlpProtobuf.EncodeScope(scope));
        _body.Write(_endpoints.Count);
        foreach (var endpoint in _endpoints.All)
        {
            _body.Write(endpoint.ServiceName);
            _body.Write(endpoint.Ipv4);
            _body.Write(endpoint.Ipv6);
            _body.Write(endpoint.Port);
        }
        _body.Write(_keys.Count);
        foreach (var key in _keys)
            key.WriteTo(_body);
        _shapes.WriteTo(_body);
        foreach (var column in _columns)
            _body.Write(column.Written);
        var compressed = _zstd.Wrap(_body.Written);
        return [Version, .. compressed];
    }

    public void Dispose() => _zstd.Dispose();

    void Clear()
    {
        _body.Clear();
        _texts.Clear();
        _resources.Clear();
        _scopes.Clear();
        _endpoints.Clear();
        _keys.Clear();
        _keyIds.Clear();
        _shapes.Clear();
        foreach (var column in _columns)
            column.Clear();
    }

    void Add(ReadOnlySpan<Span> spans, int i, BlockFlags repeat)
    {
        var span = spans[i];
        var isNewTrace = i == 0 || spans[i - 1].TraceId != span.TraceId;
        var flags = (BlockFlags)((int)span.Origin & 1) | (span.Shared ? BlockFlags.Shared : 0) |
            (span.Debug ? BlockFlags.Debug : 0) | (isNewTrace ? BlockFlags.NewTrace : 0) |
            (OtlpProtobuf.HasRest(span) ? BlockFlags.Rest : 0) | repeat;
        Of(Column.Flags).Write((int)flags);
        if (isNewTrace)
        {
            Of(Column.Trace).WriteFixed(span.TraceId.High);
            Of(Column.Trace).WriteFixed(span.TraceId.Low);
        }
        Of(Column.SpanId).WriteFixed(span.SpanId.Value);
        AddParent(spans, i);
        var before = i == 0 ? 0 : spans[i - 1].StartUnixNano;
        Of(Column.Start).WriteSigned(unchecked((long)(span.StartUnixNano - before)));
        Of(Column.Duration).WriteSigned(span.DurationNanos);
        Of(Column.Name).Write(_texts.Add(span.Name));
        Of(Column.Kind).WriteSigned((int)span.Kind);
        Of(Column.Status).WriteSigned((int)span.Status);
        Of(Column.Message).Write(_texts.Add(span.StatusMessage));
        Of(Column.OtlpFlags).Write((ulong)span.Flags);
        Of(Column.Resource).Write(_resources.Add(span.Resource));
        Of(Column.Scope).Write(_scopes.Add(span.Scope));
        Of(Column.Local).Write(span.LocalEndpoint is null ? 0 : _endpoints.Add(span.LocalEndpoint) + 1);
        Of(Column.Remote).Write(span.RemoteEndpoint is null ? 0 : _endpoints.Add(span.RemoteEndpoint) + 1);
        AddAttributes(span.Attributes);
        if ((flags & BlockFlags.Rest) != 0)
            Of(Column.Rest).Write(OtlpProtobuf.EncodeRest(span));
    }

    void Add(TraceKept kept)
    {
        Of(Column.Kept).Write((int)kept.Reason);
        Of(Column.Kept).WriteFixed(BitConverter.DoubleToUInt64Bits(kept.Weight));
    }

    /// <summary>
    /// 0: none; 1: its id follows in a column of its own; else by how many spans it is away, as the parent mostly is
    /// in the block and its id need not be said again.
    /// </summary>
    void AddParent(ReadOnlySpan<Span> spans, int i)
    {
        var (trace, parent) = (spans[i].TraceId, spans[i].ParentSpanId);
        if (parent.IsZero)
        {
            Of(Column.Parent).Write(0);
            return;
        }
        for (var distance = 1; distance <= SpanBlock.MaxParentDistance; distance++)
        {
            if (i >= distance && spans[i - distance].TraceId == trace && spans[i - distance].SpanId == parent)
            {
                Of(Column.Parent).Write(2 * distance);
                return;
            }
            if (i + distance < spans.Length && spans[i + distance].TraceId == trace &&
                spans[i + distance].SpanId == parent)
            {
                Of(Column.Parent).Write((2 * distance) + 1);
                return;
            }
        }
        Of(Column.Parent).Write(1);
        Of(Column.ParentId).WriteFixed(parent.Value);
    }

    void AddAttributes(KeyValue[] attributes)
    {
        Span<int> shape = attributes.Length <= 64 ? stackalloc int[attributes.Length] : new int[attributes.Length];
        for (var i = 0; i < attributes.Length; i++)
        {
            ref var id = ref CollectionsMarshal.GetValueRefOrAddDefault(_keyIds, attributes[i].Key, out var isKnown);
            if (!isKnown)
            {
                id = _keys.Count;
                _keys.Add(new KeyColumn(attributes[i].Key));
            }
            shape[i] = id;
            _keys[id].Add(attributes[i].Value);
        }
        Of(Column.Shape).Write(_shapes.IdOf(shape));
    }

    ByteWriter Of(Column column) => _columns[(int)column];

    /// <summary>Numbers for what repeats, in the order of first use.</summary>
    sealed class Interned<T> where T : class
    {
        readonly Dictionary<T, int> _ids = [];

        // to hash a resource means to hash all its attributes, and spans of a request share theirs
        readonly Dictionary<object, int> _known = new(ReferenceEqualityComparer.Instance);

        public List<T> All { get; } = [];

        public int Count => All.Count;

        public int Add(T item)
        {
            ref var known = ref CollectionsMarshal.GetValueRefOrAddDefault(_known, item, out var isKnown);
            if (isKnown)
                return known;
            ref var id = ref CollectionsMarshal.GetValueRefOrAddDefault(_ids, item, out isKnown);
            if (!isKnown)
            {
                id = All.Count;
                All.Add(item);
            }
            return known = id;
        }

        public void Clear()
        {
            _ids.Clear();
            _known.Clear();
            All.Clear();
        }
    }

    /// <summary>The values of a key, each once, and for each attribute which.</summary>
    sealed class KeyColumn(string key)
    {
        readonly Dictionary<AttributeValue, int> _ids = [];
        readonly ByteWriter _values = new();
        readonly ByteWriter _codes = new();

        public void Add(AttributeValue value)
        {
            ref var id = ref CollectionsMarshal.GetValueRefOrAddDefault(_ids, value, out var isKnown);
            if (!isKnown)
            {
                id = _ids.Count - 1;
                AttributeBytes.Write(_values, value);
            }
            _codes.Write(id);
        }

        public void WriteTo(ByteWriter output)
        {
            output.Write(key);
            output.Write(_ids.Count);
            output.Append(_values.Written);
            output.Write(_codes.Written);
        }
    }

    /// <summary>The lists of keys that spans have.</summary>
    sealed class ShapeSet
    {
        readonly Dictionary<int[], int> _ids = new(SequenceComparer.Instance);
        readonly List<int[]> _all = [];
        readonly Dictionary<int[], int>.AlternateLookup<ReadOnlySpan<int>> _bySpan;

        public ShapeSet() => _bySpan = _ids.GetAlternateLookup<ReadOnlySpan<int>>();

        public int IdOf(ReadOnlySpan<int> keys)
        {
            if (_bySpan.TryGetValue(keys, out var id))
                return id;
            _ids.Add(keys.ToArray(), _all.Count);
            _all.Add(keys.ToArray());
            return _all.Count - 1;
        }

        public void Clear()
        {
            _ids.Clear();
            _all.Clear();
        }

        public void WriteTo(ByteWriter output)
        {
            output.Write(_all.Count);
            foreach (var keys in _all)
            {
                output.Write(keys.Length);
                foreach (var key in keys)
                    output.Write(key);
            }
        }
    }

    sealed class SequenceComparer : IEqualityComparer<int[]>, IAlternateEqualityComparer<ReadOnlySpan<int>, int[]>
    {
        public static SequenceComparer Instance { get; } = new();

        public bool Equals(int[]? one, int[]? other) => one.AsSpan().SequenceEqual(other);

        public bool Equals(ReadOnlySpan<int> one, int[] other) => one.SequenceEqual(other);

        public int GetHashCode(int[] keys) => GetHashCode(keys.AsSpan());

        public int GetHashCode(ReadOnlySpan<int> keys)
        {
            var hash = keys.Length;
            foreach (var key in keys)
                hash = (hash * 31) + key;
            return hash;
        }

        public int[] Create(ReadOnlySpan<int> keys) => keys.ToArray();
    }
}
