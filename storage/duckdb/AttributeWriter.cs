using System.Buffers.Binary;
using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Appends the attributes of a span: those that have a column to it, the rest to the MAP (NULL when there is none) with
/// what <see cref="AttributeText"/> puts beside it. Then their order, unless it is that in which they are read: the
/// columns in the layout's order, then the MAP. Used by the writer thread only.
/// </summary>
sealed class AttributeWriter(Layout layout, AttributeCounts counts)
{
    /// <summary>Up to so many attributes a place in the order takes a byte, else four.</summary>
    public const int MaxShortOrder = 256;

    // by column: which attribute of the span it takes; -1 for none
    readonly int[] _attributeOf = new int[layout.Columns.Length];

    // by attribute: where it comes when the row is read
    int[] _places = new int[128];
    byte[] _order = new byte[128];

    public void Append(TableAppender row, KeyValue[] attributes)
    {
        if (_places.Length < attributes.Length)
            _places = new int[attributes.Length * 2];
        var places = _places.AsSpan(0, attributes.Length);
        var rest = attributes.Length - Place(attributes, places);
        AppendColumns(row, attributes);
        if (rest == 0)
        {
            row.AppendNull();
            row.AppendNull();
        }
        else
        {
            AttributeText.Append(row, attributes, places, attributes.Length - rest, rest);
        }
        AppendOrder(row, places);
    }

    /// <summary>Decides where each attribute goes; the number of those that go to columns.</summary>
    int Place(KeyValue[] attributes, Span<int> places)
    {
        counts.Spans++;
        _attributeOf.AsSpan().Fill(-1);
        for (var i = 0; i < attributes.Length; i++)
        {
            places[i] = -1;
            var column = counts.Add(attributes[i].Key, attributes[i].Value.Type, i);
            if (column >= 0 && _attributeOf[column] < 0 && Layout.Keeps(attributes[i].Value))
                _attributeOf[column] = i;
        }
        var next = 0;
        foreach (var attribute in _attributeOf)
        {
            if (attribute >= 0)
                places[attribute] = next++;
        }
        var inColumns = next;
        foreach (ref var place in places)
        {
            if (place < 0)
                place = next++;
        }
        return inColumns;
    }

    void AppendColumns(TableAppender row, KeyValue[] attributes)
    {
        foreach (var attribute in _attributeOf)
        {
            if (attribute < 0)
            {
                row.AppendNull();
                continue;
            }
            var value = attributes[attribute].Value;
            switch (value.Type)
            {
                case AttributeType.String: row.Append(value.AsString()!); break;
                case AttributeType.Int: row.Append(value.AsInt()); break;
                case AttributeType.Bool: row.Append(value.AsBool()); break;
                default: row.Append(value.AsDouble()); break;
            }
        }
    }

    void AppendOrder(TableAppender row, ReadOnlySpan<int> places)
    {
        var isAsRead = true;
        for (var i = 0; i < places.Length && isAsRead; i++)
            isAsRead = places[i] == i;
        if (isAsRead)
        {
            row.AppendNull();
            return;
        }
        if (_order.Length < places.Length * sizeof(int))
            _order = new byte[places.Length * sizeof(int)];
        if (places.Length <= MaxShortOrder)
        {
            for (var i = 0; i < places.Length; i++)
                _order[i] = (byte)places[i];
            row.Append(_order.AsSpan(0, places.Length));
            return;
        }
        for (var i = 0; i < places.Length; i++)
            BinaryPrimitives.WriteInt32LittleEndian(_order.AsSpan(i * sizeof(int)), places[i]);
        row.Append(_order.AsSpan(0, places.Length * sizeof(int)));
    }
}

/// <summary>Reads what <see cref="AttributeWriter"/> appends.</summary>
static class AttributeReader
{
    /// <summary>What <see cref="Read"/> reads, in its order, without and after the layout's columns.</summary>
    public const string Columns = "map_keys(attributes), map_values(attributes), attributes_beside, attribute_order";

    public static KeyValue[] Read(RowReader row, Layout layout)
    {
        var read = new List<KeyValue>();
        foreach (var column in layout.Columns)
        {
            if (NextOf(row, column.Type) is { } value)
                read.Add(new KeyValue(column.Key, value));
        }
        AttributeText.Read(row, read);
        if (row.NextBlob() is not { } order)
            return [.. read];
        var attributes = new KeyValue[read.Count];
        for (var i = 0; i < attributes.Length; i++)
        {
            attributes[i] = read[attributes.Length <= AttributeWriter.MaxShortOrder
                ? order[i]
                : BinaryPrimitives.ReadInt32LittleEndian(order.AsSpan(i * sizeof(int)))];
        }
        return attributes;
    }

    static AttributeValue? NextOf(RowReader row, AttributeType type) => type switch
    {
        AttributeType.String => row.NextText() is { } text ? new AttributeValue(text) : null,
        AttributeType.Int => row.NextOrNull<long>() is { } number ? new AttributeValue(number) : null,
        AttributeType.Bool => row.NextOrNull<bool>() is { } flag ? new AttributeValue(flag) : null,
        _ => row.NextOrNull<double>() is { } number ? new AttributeValue(number) : null,
    };
}
