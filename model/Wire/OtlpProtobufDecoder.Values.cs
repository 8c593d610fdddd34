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
        var mark = Attributes.Mark;
        List<EntityRef>? entities = null;
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            switch (tag)
            {
                case 1 << 3 | Length when _reader.TryEnter(end, out var inner):
                    ReadResource(inner, mark, ref dropped, ref entities);
                    break;
                case 2 << 3 | Length: _reader.Skip(); break;
                case 3 << 3 | Length: schemaUrl = ReadName(end); break;
                default: _reader.SkipUnknown(1, 3); break;
            }
        }
        return new Resource
        {
            Attributes = Attributes.Take(mark),
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
                case 3 << 3 | Length:
                    Add(entities ??= [], ReadEntityRef(_reader.EnterMessage(end)), "entities");
                    break;
                default: _reader.SkipUnknown(1, 3); break;
            }
        }
        _reader.Leave(end);
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
                case 3 << 3 | Length: Add(idKeys, ReadName(end), "keys"); break;
                case 4 << 3 | Length: Add(descriptionKeys, ReadName(end), "keys"); break;
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

    void Add<T>(List<T> list, T element, string what)
    {
        if (HasRoom(list.Count, what, _reader.FieldOffset, DecodedMemory.Attribute))
            list.Add(element);
    }

    /// <summary>The scope of a ScopeSpans message, and room for the spans that are beside it.</summary>
    InstrumentationScope ReadScopeOf(int end)
    {
        var offset = _reader.FieldOffset;
        var scope = new ScopeFields(Attributes.Mark);
        var schemaUrl = "";
        var spans = 0;
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            switch (tag)
            {
                case 1 << 3 | Length when _reader.TryEnter(end, out var inner): ReadScope(inner, ref scope); break;
                case 2 << 3 | Length: _reader.Skip(); spans++; break;
                case 3 << 3 | Length: schemaUrl = ReadName(end); break;
                default: _reader.SkipUnknown(1, 3); break;
            }
        }
        Spans.Expect(spans, offset);
        return new InstrumentationScope
        {
            Name = scope.Name,
            Version = scope.Version,
            Attributes = Attributes.Take(scope.Mark),
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
        _reader.Leave(end);
    }

    void ReadAttribute(int end, int mark)
    {
        var attribute = ReadKeyValue(end, 0);
        if (HasRoom(Attributes.Mark - mark, "attributes", _reader.FieldOffset, DecodedMemory.Attribute))
            Attributes.Push(attribute);
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
                case 5 << 3 | Length: value = new AttributeValue(ReadArray(end, depth + 1)); break;
                case 6 << 3 | Length: value = new AttributeValue(ReadMap(end, depth + 1)); break;
                case 7 << 3 | Length: value = new AttributeValue(ReadBytes(end)); break;
                default: _reader.SkipUnknown(1, 7); break;
            }
        }
        return value;
    }

    AttributeValue[] ReadArray(int outerEnd, int depth)
    {
        var end = _reader.EnterMessage(outerEnd);
        if (!CanEnter(depth))
            return SkipTo<AttributeValue>(end);
        var mark = Values.Mark;
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            if (tag != (1 << 3 | Length))
                _reader.SkipUnknown(1, 1);
            else if (ReadValue(_reader.EnterMessage(end), depth) is var value &&
                HasRoom(Values.Mark - mark, "elements", _reader.FieldOffset, DecodedMemory.Value))
                Values.Push(value);
        }
        return Values.Take(mark);
    }

    KeyValue[] ReadMap(int outerEnd, int depth)
    {
        var end = _reader.EnterMessage(outerEnd);
        if (!CanEnter(depth))
            return SkipTo<KeyValue>(end);
        var mark = Attributes.Mark;
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            if (tag != (1 << 3 | Length))
                _reader.SkipUnknown(1, 1);
            else if (ReadKeyValue(_reader.EnterMessage(end), depth) is var entry &&
                HasRoom(Attributes.Mark - mark, "entries", _reader.FieldOffset, DecodedMemory.Attribute))
                Attributes.Push(entry);
        }
        return Attributes.Take(mark);
    }

    bool CanEnter(int depth) =>
        IsShallowEnough(depth, _reader.FieldOffset) && HasMemory(DecodedMemory.Object, _reader.FieldOffset);

    /// <summary>Leaves out a list that rejects its span.</summary>
    T[] SkipTo<T>(int end)
    {
        _reader.SkipTo(end);
        return [];
    }

    // text that mostly repeats
    string ReadName(int end) => Text(_reader.ReadContent(end), NameCache, _reader.FieldOffset);

    string ReadValueText(int end) => Text(_reader.ReadContent(end), ValueCache, _reader.FieldOffset);

    string ReadText(int end) => Text(_reader.ReadContent(end), null, _reader.FieldOffset);

    byte[] ReadBytes(int end)
    {
        var bytes = _reader.ReadContent(end);
        var isTaken = IsShortEnough(bytes.Length, _reader.FieldOffset) &&
            HasMemory(DecodedMemory.Object + bytes.Length, _reader.FieldOffset);
        return isTaken ? bytes.ToArray() : [];
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
}
