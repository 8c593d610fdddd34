using System.Buffers.Binary;
using System.Diagnostics;
using ZstdSharp;

namespace Tracing.Storage.Blocks;

/// <summary>
/// Writes spans as a block (<see cref="SpanBlock"/>): dictionaries, then columns of numbers, each compressed by zstd.
/// One block after the other; not thread-safe.
/// </summary>
/// <param name="minCompressed">Shorter sections are left as they are: a frame takes some 13 bytes, and time.</param>
sealed class BlockWriter(int level, int minCompressed = 48) : IDisposable
{
    readonly Compressor _zstd = new(level);
    readonly ByteWriter _body = new();
    readonly List<(int Length, int Raw)> _sections = [];
    readonly ByteWriter _section = new();
    readonly Renumbering _templates = new();
    readonly Renumbering _sources = new();
    readonly Renumbering _commits = new();
    readonly Renumbering _names = new();
    readonly Renumbering _scopes = new();
    readonly Renumbering _keys = new();
    readonly List<Renumbering> _values = [];
    readonly Renumbering[] _extras = [new(), new(), new(), new()];
    int[] _codes = [];
    int[] _valueCodes = [];
    int[] _valueFrom = [];
    ulong[] _numbers = [];
    byte[] _planes = [];
    int[][] _templateKeys = [];

    public void Dispose() => _zstd.Dispose();

    /// <param name="rows">Of the spans, in the order wanted: those of a trace beside each other.</param>
    /// <param name="kept">By the low half of its id, why a trace is kept; null where nothing was decided.</param>
    public byte[] Write(
        SpanColumns spans, ReadOnlySpan<int> rows, IReadOnlyDictionary<ulong, TraceKept>? kept = null)
    {
        _body.Clear();
        _sections.Clear();
        var traces = FindTraces(spans, rows);
        AddDictionaries(spans, rows);
        AddTraces(spans, rows, traces, kept);
        AddIds(spans, rows);
        AddTimes(spans, rows, traces);
        AddCodes(rows, spans.Templates, _templates, spans.TemplateList.Count);
        AddCodes(rows, spans.Sources, _sources, spans.SourceBytes.Count);
        AddCodes(rows, spans.Commits, _commits, spans.CommitNames.Count);
        AddValues(spans, rows);
        return Assemble(rows.Length, traces.Count);
    }

    /// <summary>Where each trace begins, and its earliest start.</summary>
    static List<(int From, ulong Start)> FindTraces(SpanColumns spans, ReadOnlySpan<int> rows)
    {
        var traces = new List<(int From, ulong Start)>();
        for (var i = 0; i < rows.Length; i++)
        {
            var start = spans.Starts[rows[i]];
            if (i == 0 || spans.TraceIds[rows[i - 1]] != spans.TraceIds[rows[i]])
                traces.Add((i, start));
            else if (start < traces[^1].Start)
                traces[^1] = (traces[^1].From, start);
        }
        return traces;
    }

    void AddDictionaries(SpanColumns spans, ReadOnlySpan<int> rows)
    {
        _templates.Begin(spans.TemplateList.Count);
        _sources.Begin(spans.SourceBytes.Count);
        _commits.Begin(spans.CommitNames.Count);
        foreach (var row in rows)
        {
            _templates.Of(spans.Templates[row]);
            _sources.Of(spans.Sources[row]);
            _commits.Of(spans.Commits[row]);
        }
        _names.Begin(spans.Names.Count);
        _scopes.Begin(spans.ScopeBytes.Count);
        _keys.Begin(spans.Keys.Count);
        _templateKeys = new int[_templates.Count][];
        var templates = new ByteWriter();
        templates.Write(_templates.Count);
        for (var i = 0; i < _templates.Count; i++)
        {
            var template = spans.TemplateList[_templates.Old(i)];
            var keys = _templateKeys[i] = Array.ConvertAll(spans.KeySets[template.KeySet], _keys.Of);
            templates.Write((int)template.Flags);
            templates.Write(_names.Of(template.Name));
            templates.WriteSigned((int)template.Kind);
            templates.WriteSigned((int)template.Status);
            templates.Write((ulong)template.OtlpFlags);
            templates.Write(_scopes.Of(template.Scope));
            templates.Write(keys.Length);
            foreach (var key in keys)
                templates.Write(key);
        }
        AddStrings(_names, spans.Names);
        AddStrings(_scopes, spans.ScopeBytes);
        AddStrings(_sources, spans.SourceBytes);
        AddStrings(_keys, spans.Keys);
        AddStrings(_commits, spans.CommitNames);
        Add(templates.Written);
    }

    void AddTraces(SpanColumns spans, ReadOnlySpan<int> rows, List<(int From, ulong Start)> traces,
        IReadOnlyDictionary<ulong, TraceKept>? kept)
    {
        _section.Clear();
        var before = 0UL;
        for (var i = 0; i < traces.Count; i++)
        {
            var (from, start) = traces[i];
            _section.Write((i + 1 < traces.Count ? traces[i + 1].From : rows.Length) - from);
            _section.WriteSigned(unchecked((long)(start - before)));
            before = start;
        }
        foreach (var (from, _) in traces)
        {
            _section.WriteFixed(spans.TraceIds[rows[from]].High);
            _section.WriteFixed(spans.TraceIds[rows[from]].Low);
        }
        Add(_section.Written);
        _section.Clear();
        for (var i = 0; kept is not null && i < traces.Count; i++)
        {
            var why = kept[spans.TraceIds[rows[traces[i].From]].Low];
            _section.Write((int)why.Reason);
            _section.WriteFixed(BitConverter.DoubleToUInt64Bits(why.Weight));
        }
        Add(_section.Written);
    }

    void AddIds(SpanColumns spans, ReadOnlySpan<int> rows)
    {
        var ids = Planes(8 * rows.Length);
        for (var i = 0; i < rows.Length; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(ids[(8 * i)..], spans.SpanIds[rows[i]]);
        // ids are random
        Add(ids, isCompressed: false);
        _section.Clear();
        var codes = Planes(rows.Length);
        for (var i = 0; i < rows.Length; i++)
        {
            codes[i] = ParentCode(spans, rows, i);
            if (codes[i] == BlockFormat.FarParent)
                _section.WriteFixed(spans.ParentIds[rows[i]]);
        }
        Add(codes);
        Add(_section.Written, isCompressed: false);
    }

    static byte ParentCode(SpanColumns spans, ReadOnlySpan<int> rows, int i)
    {
        var (trace, parent) = (spans.TraceIds[rows[i]], spans.ParentIds[rows[i]]);
        if (parent == 0)
            return BlockFormat.NoParent;
        var (before, after) = (true, true);
        for (var distance = 1; distance <= BlockFormat.MaxParentDistance && (before || after); distance++)
        {
            before = before && i >= distance && spans.TraceIds[rows[i - distance]] == trace;
            if (before && spans.SpanIds[rows[i - distance]] == parent)
                return (byte)(2 * distance);
            after = after && i + distance < rows.Length && spans.TraceIds[rows[i + distance]] == trace;
            if (after && spans.SpanIds[rows[i + distance]] == parent)
                return (byte)((2 * distance) + 1);
        }
        return BlockFormat.FarParent;
    }

    void AddTimes(SpanColumns spans, ReadOnlySpan<int> rows, List<(int From, ulong Start)> traces)
    {
        var numbers = Numbers(rows.Length);
        for (int i = 0, trace = 0; i < rows.Length; i++)
        {
            if (trace + 1 < traces.Count && traces[trace + 1].From == i)
                trace++;
            numbers[i] = spans.Starts[rows[i]] - traces[trace].Start;
        }
        AddNumbers(numbers);
        for (var i = 0; i < rows.Length; i++)
            numbers[i] = unchecked((ulong)spans.Durations[rows[i]]);
        AddNumbers(numbers);
    }

    void AddCodes(ReadOnlySpan<int> rows, List<int> column, Renumbering numbers, int count)
    {
        Debug.Assert(numbers.Count <= count);
        if (_codes.Length < rows.Length)
            _codes = new int[rows.Length];
        for (var i = 0; i < rows.Length; i++)
            _codes[i] = numbers.Of(column[rows[i]]);
        AddCodes(_codes.AsSpan(0, rows.Length), numbers.Count);
    }

    /// <summary>The values of all keys, which are found in one pass over the spans.</summary>
    void AddValues(SpanColumns spans, ReadOnlySpan<int> rows)
    {
        var extras = SpanTemplate.Extras;
        var lists = extras.Length + _keys.Count;
        // where the numbers of each list begin
        if (_valueFrom.Length <= lists)
            _valueFrom = new int[2 * (lists + 1)];
        Array.Clear(_valueFrom);
        foreach (var row in rows)
        {
            var code = _templates.Of(spans.Templates[row]);
            for (var extra = 0; extra < extras.Length; extra++)
                _valueFrom[extra + 1] += (spans.TemplateList[spans.Templates[row]].Flags & extras[extra]) != 0 ? 1 : 0;
            foreach (var key in _templateKeys[code])
                _valueFrom[extras.Length + key + 1]++;
        }
        for (var i = 0; i < lists; i++)
            _valueFrom[i + 1] += _valueFrom[i];
        if (_valueCodes.Length < _valueFrom[lists])
            _valueCodes = new int[_valueFrom[lists]];
        for (var extra = 0; extra < extras.Length; extra++)
            _extras[extra].Begin(spans.Extras[extra].Count);
        while (_values.Count < _keys.Count)
            _values.Add(new Renumbering());
        for (var key = 0; key < _keys.Count; key++)
            _values[key].Begin(spans.KeyValues[_keys.Old(key)].Count);
        var next = _valueFrom.AsSpan(0, lists).ToArray();
        foreach (var row in rows)
        {
            var from = spans.ValuesFrom[row];
            foreach (var key in _templateKeys[_templates.Of(spans.Templates[row])])
                _valueCodes[next[extras.Length + key]++] = _values[key].Of(spans.Values[from++]);
            var flags = spans.TemplateList[spans.Templates[row]].Flags;
            for (var extra = 0; extra < extras.Length; extra++)
            {
                if ((flags & extras[extra]) != 0)
                    _valueCodes[next[extra]++] = _extras[extra].Of(spans.Values[from++]);
            }
        }
        for (var list = 0; list < lists; list++)
        {
            var (numbers, dictionary) = list < extras.Length
                ? (_extras[list], spans.Extras[list])
                : (_values[list - extras.Length], spans.KeyValues[_keys.Old(list - extras.Length)]);
            var codes = _valueCodes.AsSpan(_valueFrom[list], _valueFrom[list + 1] - _valueFrom[list]);
            AddStrings(numbers, dictionary);
            // each value once, in the order of the spans: the numbers say nothing
            if (numbers.Count == codes.Length)
                Add([]);
            else
                AddCodes(codes, numbers.Count);
        }
    }

    /// <summary>Count, lengths, then the strings end to end.</summary>
    void AddStrings(Renumbering numbers, ByteDictionary dictionary)
    {
        _section.Clear();
        _section.Write(numbers.Count);
        for (var i = 0; i < numbers.Count; i++)
            _section.Write(dictionary[numbers.Old(i)].Length);
        for (var i = 0; i < numbers.Count; i++)
            _section.Append(dictionary[numbers.Old(i)]);
        Add(_section.Written);
    }

    /// <summary>As many planes as the greatest number takes bytes; none for zeros.</summary>
    void AddCodes(ReadOnlySpan<int> codes, int count)
    {
        var width = count <= 1 ? 0 : count <= 1 << 8 ? 1 : count <= 1 << 16 ? 2 : count <= 1 << 24 ? 3 : 4;
        var planes = Planes(width * codes.Length);
        for (var plane = 0; plane < width; plane++)
        {
            var target = planes.Slice(plane * codes.Length, codes.Length);
            for (var i = 0; i < target.Length; i++)
                target[i] = (byte)(codes[i] >> (8 * plane));
        }
        Add(planes);
    }

    /// <summary>A byte for their unit, as many clocks tell only micro- or milliseconds, then planes.</summary>
    void AddNumbers(ReadOnlySpan<ulong> numbers)
    {
        var (unit, power) = (1_000_000UL, (byte)2);
        foreach (var number in numbers)
        {
            for (; unit > 1 && number % unit != 0; power--)
                unit /= 1000;
            if (unit == 1)
                break;
        }
        var all = 0UL;
        foreach (var number in numbers)
            all |= number / unit;
        var width = (64 - System.Numerics.BitOperations.LeadingZeroCount(all) + 7) / 8;
        var planes = Planes(1 + (width * numbers.Length));
        planes[0] = power;
        for (var i = 0; i < numbers.Length; i++)
        {
            var number = numbers[i] / unit;
            for (var plane = 0; plane < width; plane++)
                planes[1 + (plane * numbers.Length) + i] = (byte)(number >> (8 * plane));
        }
        Add(planes);
    }

    void Add(ReadOnlySpan<byte> raw, bool isCompressed = true)
    {
        if (isCompressed && raw.Length >= minCompressed)
        {
            var length = _zstd.Wrap(raw, _body.Reserve(Compressor.GetCompressBound(raw.Length)));
            if (length < raw.Length)
            {
                _body.Advance(length);
                _sections.Add((length, raw.Length));
                return;
            }
        }
        _body.Append(raw);
        _sections.Add((raw.Length, 0));
    }

    byte[] Assemble(int spans, int traces)
    {
        var head = new ByteWriter();
        head.Write(BlockFormat.Version);
        head.Write(spans);
        head.Write(traces);
        head.Write(_sections.Count);
        foreach (var (length, raw) in _sections)
        {
            head.Write(length);
            head.Write(raw);
        }
        return [.. head.Written, .. _body.Written];
    }

    Span<ulong> Numbers(int count)
    {
        if (_numbers.Length < count)
            _numbers = new ulong[count];
        return _numbers.AsSpan(0, count);
    }

    Span<byte> Planes(int count)
    {
        if (_planes.Length < count)
            _planes = new byte[count];
        return _planes.AsSpan(0, count);
    }

    /// <summary>
    /// New numbers for those of a dictionary that a block uses, in the order of first use. Which are known is told by
    /// the number of the block, so that beginning one does not clear as much as all blocks together use.
    /// </summary>
    sealed class Renumbering
    {
        readonly List<int> _old = [];
        (int Block, int New)[] _new = [];
        int _block;

        public int Count => _old.Count;

        public int Old(int number) => _old[number];

        public void Begin(int count)
        {
            _block++;
            _old.Clear();
            if (_new.Length < count)
                Array.Resize(ref _new, Math.Max(count, 2 * _new.Length));
        }

        public int Of(int old)
        {
            ref var known = ref _new[old];
            if (known.Block != _block)
            {
                known = (_block, _old.Count);
                _old.Add(old);
            }
            return known.New;
        }
    }
}
