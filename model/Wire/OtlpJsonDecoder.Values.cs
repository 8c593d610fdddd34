using System.Text.Json;

namespace Tracing.Model.Wire;

// resources, scopes, attributes and what they are made of
sealed partial class OtlpJsonDecoder
{
    Resource ReadResource(ref Utf8JsonReader json)
    {
        if (!Is(ref json, JsonTokenType.StartObject, "resource", "an object"))
            return new Resource();
        uint dropped = 0;
        var mark = Attributes.Mark;
        EntityRef[] entities = [];
        while (NextField(ref json, out var name))
        {
            if (name.SequenceEqual("attributes"u8))
                ReadAttributes(ref json, mark);
            else if (name.SequenceEqual("droppedAttributesCount"u8))
                dropped = ReadUInt32(ref json, "droppedAttributesCount");
            else if (name.SequenceEqual("entityRefs"u8))
                entities = ReadEntityRefs(ref json);
            else
                json.Skip();
        }
        return new Resource
        {
            Attributes = Attributes.Take(mark),
            DroppedAttributes = dropped,
            EntityRefs = entities,
        };
    }

    EntityRef[] ReadEntityRefs(ref Utf8JsonReader json)
    {
        if (!Is(ref json, JsonTokenType.StartArray, "entityRefs", "a list"))
            return [];
        var entities = new List<EntityRef>();
        while (NextElement(ref json))
        {
            var offset = At(ref json);
            if (Is(ref json, JsonTokenType.StartObject, "an element of entityRefs", "an object") &&
                ReadEntityRef(ref json) is var entity &&
                HasRoom(entities.Count, "entities", offset, DecodedMemory.Attribute))
                entities.Add(entity);
        }
        return [.. entities];
    }

    EntityRef ReadEntityRef(ref Utf8JsonReader json)
    {
        string schemaUrl = "", type = "";
        string[] idKeys = [], descriptionKeys = [];
        while (NextField(ref json, out var name))
        {
            if (name.SequenceEqual("schemaUrl"u8))
                schemaUrl = ReadName(ref json, "schemaUrl");
            else if (name.SequenceEqual("type"u8))
                type = ReadName(ref json, "type");
            else if (name.SequenceEqual("idKeys"u8))
                idKeys = ReadKeys(ref json, "idKeys");
            else if (name.SequenceEqual("descriptionKeys"u8))
                descriptionKeys = ReadKeys(ref json, "descriptionKeys");
            else
                json.Skip();
        }
        return new EntityRef
        {
            SchemaUrl = schemaUrl,
            Type = type,
            IdKeys = idKeys,
            DescriptionKeys = descriptionKeys,
        };
    }

    string[] ReadKeys(ref Utf8JsonReader json, string what)
    {
        if (!Is(ref json, JsonTokenType.StartArray, what, "a list"))
            return [];
        var keys = new List<string>();
        while (NextElement(ref json))
        {
            var offset = At(ref json);
            var key = ReadName(ref json, what);
            if (HasRoom(keys.Count, "keys", offset, DecodedMemory.Attribute))
                keys.Add(key);
        }
        return [.. keys];
    }

    InstrumentationScope ReadScope(ref Utf8JsonReader json)
    {
        if (!Is(ref json, JsonTokenType.StartObject, "scope", "an object"))
            return new InstrumentationScope();
        string scopeName = "", version = "";
        uint dropped = 0;
        var mark = Attributes.Mark;
        while (NextField(ref json, out var name))
        {
            if (name.SequenceEqual("name"u8))
                scopeName = ReadName(ref json, "name");
            else if (name.SequenceEqual("version"u8))
                version = ReadName(ref json, "version");
            else if (name.SequenceEqual("attributes"u8))
                ReadAttributes(ref json, mark);
            else if (name.SequenceEqual("droppedAttributesCount"u8))
                dropped = ReadUInt32(ref json, "droppedAttributesCount");
            else
                json.Skip();
        }
        return new InstrumentationScope
        {
            Name = scopeName,
            Version = version,
            Attributes = Attributes.Take(mark),
            DroppedAttributes = dropped,
        };
    }

    void ReadAttributes(ref Utf8JsonReader json, int mark)
    {
        if (Is(ref json, JsonTokenType.StartArray, "attributes", "a list"))
            PushEntries(ref json, mark, 0);
    }

    void PushEntries(ref Utf8JsonReader json, int mark, int depth)
    {
        while (NextElement(ref json))
        {
            var offset = At(ref json);
            if (!Is(ref json, JsonTokenType.StartObject, "an attribute", "an object"))
                continue;
            var entry = ReadKeyValue(ref json, depth);
            if (HasRoom(Attributes.Mark - mark, "attributes", offset, DecodedMemory.Attribute))
                Attributes.Push(entry);
        }
    }

    KeyValue ReadKeyValue(ref Utf8JsonReader json, int depth)
    {
        var key = "";
        var value = default(AttributeValue);
        while (NextField(ref json, out var name))
        {
            if (name.SequenceEqual("key"u8))
                key = ReadName(ref json, "key");
            else if (name.SequenceEqual("value"u8))
                value = ReadValue(ref json, depth);
            else
                json.Skip();
        }
        return new KeyValue(key, value);
    }

    AttributeValue ReadValue(ref Utf8JsonReader json, int depth)
    {
        var value = default(AttributeValue);
        if (!Is(ref json, JsonTokenType.StartObject, "a value", "an object"))
            return value;
        while (NextField(ref json, out var name))
        {
            if (name.SequenceEqual("stringValue"u8))
                value = new AttributeValue(ReadText(ref json, "stringValue", ValueCache));
            else if (name.SequenceEqual("intValue"u8))
                value = new AttributeValue(ReadInt64(ref json, "intValue"));
            else if (name.SequenceEqual("boolValue"u8))
                value = new AttributeValue(ReadBool(ref json, "boolValue"));
            else if (name.SequenceEqual("doubleValue"u8))
                value = new AttributeValue(ReadDouble(ref json, "doubleValue"));
            else if (name.SequenceEqual("arrayValue"u8))
                value = new AttributeValue(ReadArray(ref json, depth + 1));
            else if (name.SequenceEqual("kvlistValue"u8))
                value = new AttributeValue(ReadMap(ref json, depth + 1));
            else if (name.SequenceEqual("bytesValue"u8))
                value = new AttributeValue(ReadBytes(ref json, "bytesValue"));
            else
                json.Skip();
        }
        return value;
    }

    AttributeValue[] ReadArray(ref Utf8JsonReader json, int depth)
    {
        var mark = Values.Mark;
        if (!CanEnter(ref json, depth, "arrayValue"))
            return [];
        while (NextField(ref json, out var name))
        {
            if (!name.SequenceEqual("values"u8))
                json.Skip();
            else if (Is(ref json, JsonTokenType.StartArray, "values", "a list"))
                PushValues(ref json, mark, depth);
        }
        return Values.Take(mark);
    }

    /// <summary>Whether the list can be read; else it is skipped and the span rejected.</summary>
    bool CanEnter(ref Utf8JsonReader json, int depth, string what)
    {
        if (!Is(ref json, JsonTokenType.StartObject, what, "an object"))
            return false;
        if (IsShallowEnough(depth, At(ref json)) && HasMemory(DecodedMemory.Object, At(ref json)))
            return true;
        json.Skip();
        return false;
    }

    void PushValues(ref Utf8JsonReader json, int mark, int depth)
    {
        while (NextElement(ref json))
        {
            var offset = At(ref json);
            var value = ReadValue(ref json, depth);
            if (HasRoom(Values.Mark - mark, "elements", offset, DecodedMemory.Value))
                Values.Push(value);
        }
    }

    KeyValue[] ReadMap(ref Utf8JsonReader json, int depth)
    {
        var mark = Attributes.Mark;
        if (!CanEnter(ref json, depth, "kvlistValue"))
            return [];
        while (NextField(ref json, out var name))
        {
            if (!name.SequenceEqual("values"u8))
                json.Skip();
            else if (Is(ref json, JsonTokenType.StartArray, "values", "a list"))
                PushEntries(ref json, mark, depth);
        }
        return Attributes.Take(mark);
    }
}
