using System.Runtime.CompilerServices;
using static Tracing.Model.Wire.ProtobufReader;

namespace Tracing.Model.Wire;

// resources, scopes, attributes and what they are made of
sealed partial class OtlpProtobufDecoder
{
    /// <summary>The resource of a ResourceSpans message; its parts are merged when it comes in several.</summary>
    Resource ReadResourceOf(int end)
    {
        var schemaUrl = "";
        uint dropped = 0;
        var mark = _attributes.Mark;
        List<EntityRef>? entities = null;
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            switch (tag)
            {
                case 1 << 3 | Length: ReadResource(_reader.EnterMessage(end), mark, ref dropped, ref entities); break;
                case 2 << 3 | Length: _reader.Skip(); break;
                case 3 << 3 | Length: schemaUrl = ReadName(end); break;
                default: _reader.SkipUnknown(1, 3); break;
            }
        }
        return new Resource
        {
            Attributes = _attributes.Take(mark),
            DroppedAttributes = dropped,
            EntityRefs = entities?.ToArray() ?? [],
            SchemaUrl = schemaUrl,
        };
    }

    void ReadResource(int end, int mark, ref uint dropped, ref List<EntityRef>? entities)
    {
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            switch (tag)
            {
                case 1 << 3 | Length: ReadAttribute(_reader.EnterMessage(end), mark); break;
                case 2 << 3 | Varint: dropped = _reader.ReadUInt32(); break;
                case 3 << 3 | Length: (entities ??= []).Add(ReadEntityRef(_reader.EnterMessage(end))); break;
                default: _reader.SkipUnknown(1, 3); break;
            }
        }
    }

    EntityRef ReadEntityRef(int end)
    {
        string schemaUrl = "", type = "";
        List<string> idKeys = [], descriptionKeys = [];
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            switch (tag)
            {
                case 1 << 3 | Length: schemaUrl = ReadName(end); break;
                case 2 << 3 | Length: type = ReadName(end); break;
                case 3 << 3 | Length: idKeys.Add(ReadName(end)); break;
                case 4 << 3 | Length: descriptionKeys.Add(ReadName(end)); break;
                default: _reader.SkipUnknown(1, 4); break;
            }
        }
        return new EntityRef
        {
            SchemaUrl = schemaUrl,
            Type = type,
            IdKeys = [.. idKeys],
            DescriptionKeys = [.. descriptionKeys],
        };
    }

    /// <summary>The scope of a ScopeSpans message, and room for the spans that are beside it.</summary>
    InstrumentationScope ReadScopeOf(int end)
    {
        var offset = _reader.FieldOffset;
        var scope = new ScopeFields(_attributes.Mark);
        var schemaUrl = "";
        var spans = 0;
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            switch (tag)
            {
                case 1 << 3 | Length: ReadScope(_reader.EnterMessage(end), ref scope); break;
                case 2 << 3 | Length: _reader.Skip(); spans++; break;
                case 3 << 3 | Length: schemaUrl = ReadName(end); break;
                default: _reader.SkipUnknown(1, 3); break;
            }
        }
        _spans.Expect(spans, offset);
        return new InstrumentationScope
        {
            Name = scope.Name,
            Version = scope.Version,
            Attributes = _attributes.Take(scope.Mark),
            DroppedAttributes = scope.Dropped,
            SchemaUrl = schemaUrl,
        };
    }

    struct ScopeFields(int mark)
    {
        public int Mark = mark;
        public string Name = "";
        public string Version = "";
        public uint Dropped = 0;
    }

    void ReadScope(int end, ref ScopeFields scope)
    {
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            switch (tag)
            {
                case 1 << 3 | Length: scope.Name = ReadName(end); break;
                case 2 << 3 | Length: scope.Version = ReadName(end); break;
                case 3 << 3 | Length: ReadAttribute(_reader.EnterMessage(end), scope.Mark); break;
                case 4 << 3 | Varint: scope.Dropped = _reader.ReadUInt32(); break;
                default: _reader.SkipUnknown(1, 4); break;
            }
        }
    }

    void ReadAttribute(int end, int mark)
    {
        var attribute = ReadKeyValue(end, 0);
        if (CheckCount(_attributes.Mark - mark, "attributes"))
            _attributes.Push(attribute);
    }

    KeyValue ReadKeyValue(int end, int depth)
    {
        var key = "";
        var value = default(AttributeValue);
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            switch (tag)
            {
                case 1 << 3 | Length: key = ReadName(end); break;
                case 2 << 3 | Length: value = ReadValue(_reader.EnterMessage(end), depth, value); break;
                default: _reader.SkipUnknown(1, 2); break;
            }
        }
        return new KeyValue(key, value);
    }

    // of several alternatives the last one counts, also where protobuf would join two arrays: no sender splits them
    AttributeValue ReadValue(int end, int depth, AttributeValue value = default)
    {
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            switch (tag)
            {
                case 1 << 3 | Length: value = new AttributeValue(ReadValueText(end)); break;
                case 2 << 3 | Varint: value = new AttributeValue(_reader.ReadBool()); break;
                case 3 << 3 | Varint: value = new AttributeValue(_reader.ReadInt64()); break;
                case 4 << 3 | Fixed64: value = new AttributeValue(_reader.ReadDouble()); break;
                case 5 << 3 | Length: value = new AttributeValue(ReadArray(_reader.EnterMessage(end), depth + 1)); break;
                case 6 << 3 | Length: value = new AttributeValue(ReadMap(_reader.EnterMessage(end), depth + 1)); break;
                case 7 << 3 | Length: value = new AttributeValue(ReadBytes(end)); break;
                default: _reader.SkipUnknown(1, 7); break;
            }
        }
        return value;
    }

    AttributeValue[] ReadArray(int end, int depth)
    {
        CheckDepth(depth);
        var mark = _values.Mark;
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            if (tag != (1 << 3 | Length))
                _reader.SkipUnknown(1, 1);
            else if (ReadValue(_reader.EnterMessage(end), depth) is var value && CheckCount(_values.Mark - mark, "elements"))
                _values.Push(value);
        }
        return _values.Take(mark);
    }

    KeyValue[] ReadMap(int end, int depth)
    {
        CheckDepth(depth);
        var mark = _attributes.Mark;
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            if (tag != (1 << 3 | Length))
                _reader.SkipUnknown(1, 1);
            else if (ReadKeyValue(_reader.EnterMessage(end), depth) is var entry &&
                CheckCount(_attributes.Mark - mark, "entries"))
                _attributes.Push(entry);
        }
        return _attributes.Take(mark);
    }

    void CheckDepth(int depth)
    {
        if (depth > _limits.MaxNesting || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw new WireException($"TooLarge: a value is nested more than {depth - 1} deep", _reader.FieldOffset);
    }

    bool CheckCount(int before, string what)
    {
        if (before < _limits.MaxAttributes)
            return true;
        AddProblem($"more than {_limits.MaxAttributes} {what}", _reader.FieldOffset);
        return false;
    }

    // text that mostly repeats
    string ReadName(int end) => CheckText(end, out var utf8) ? _names.Get(utf8) ?? NoText() : "";

    string ReadValueText(int end) => CheckText(end, out var utf8) ? _texts.Get(utf8) ?? NoText() : "";

    string ReadText(int end) => CheckText(end, out var utf8) ? StringCache.Decode(utf8) ?? NoText() : "";

    byte[] ReadBytes(int end) => CheckText(end, out var bytes) ? bytes.ToArray() : [];

    bool CheckText(int end, out ReadOnlySpan<byte> content)
    {
        content = _reader.ReadContent(end);
        if (content.Length <= _limits.MaxStringBytes)
            return true;
        AddProblem($"a text or bytes value of {content.Length} bytes, more than {_limits.MaxStringBytes}",
            _reader.FieldOffset);
        return false;
    }

    string NoText()
    {
        AddProblem("a text that is no UTF-8", _reader.FieldOffset);
        return "";
    }

    TraceId ReadTraceId(int end)
    {
        var bytes = _reader.ReadContent(end);
        if (bytes.Length == 16)
            return TraceId.FromBytes(bytes);
        AddIdProblem("trace id", bytes, 16);
        return default;
    }

    SpanId ReadSpanId(int end, string what)
    {
        var bytes = _reader.ReadContent(end);
        if (bytes.Length == 8)
            return SpanId.FromBytes(bytes);
        AddIdProblem(what, bytes, 8);
        return default;
    }

    SpanId ReadParentId(int end)
    {
        var bytes = _reader.ReadContent(end);
        if (bytes.Length is 8)
            return SpanId.FromBytes(bytes);
        if (bytes.Length > 0)
            AddIdProblem("parent span id", bytes, 8);
        return default;
    }

    void AddIdProblem(string what, ReadOnlySpan<byte> bytes, int wanted)
    {
        // an id as long as this is no id; its beginning tells what it is
        var hex = Convert.ToHexStringLower(bytes[..Math.Min(bytes.Length, 32)]);
        AddProblem($"{what} \"{hex}\" has {bytes.Length} bytes instead of {wanted}", _reader.FieldOffset);
    }

    /// <summary>Rejects the span, or outside of spans (resource, scope) the body.</summary>
    void AddProblem(string problem, long offset)
    {
        if (!_inSpan)
            throw new WireException("Malformed: " + problem, offset);
        _span.AddProblem(problem, offset);
    }
}
