using System.Globalization;
using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Appends the attributes of a span: those that have a column to it; then the number of the <see cref="Shape"/>, which
/// tells all keys in their order; the codes of the values without a column; and the values that have no code as text,
/// with what <see cref="AttributeText"/> puts beside it. A code of -1 - n stands for the n-th such text. In free form
/// all attributes are such texts, each with its key after the letter: its length in code points, a colon, the key. Used
/// by the writer thread only.
/// </summary>
sealed class AttributeWriter
{
    /// <summary>
    /// Values of a key, and of all keys, that get codes; more would take memory while the partition is in use.
    /// </summary>
    const int MaxValuesOfKey = 1000;
    const int MaxValues = 20_000;

    /// <summary>A value of no more rows is rare: which rows these are is noted.</summary>
    const int MaxRows = 64;

    /// <summary>Longest text that gets a code, in characters.</summary>
    const int MaxCodedText = 200;

    readonly Layout _layout;
    readonly Shapes _shapes;
    readonly ShapeTree _tree;
    // by id of the key
    Codes?[] _codes = new Codes?[64];
    readonly RowAppender _keyRows;
    readonly RowAppender _valueRows;
    readonly RowAppender _shapeRows;

    // known, and not stored yet: when a transaction fails they are for the next
    readonly List<(AttributeKey Key, int Code)> _addedValues = [];
    readonly List<AttributeKey> _addedTexts = [];

    // values whose rows were noted in this transaction
    readonly List<(AttributeKey Key, int Code)> _noted = [];
    bool _addedFreeForm;

    // of the row at hand: its number, and what goes to the texts
    int _rowId;
    readonly List<KeyValue> _texts = [];
    int _values;

    /// <param name="keys">The table attribute_keys, and so on.</param>
    public AttributeWriter(
        Layout layout, Shapes shapes, RowAppender keys, RowAppender values, RowAppender shapesTable)
    {
        _layout = layout;
        _shapes = shapes;
        _tree = new ShapeTree(layout, shapes);
        foreach (var key in shapes.Keys.All().OfType<AttributeKey>())
            _values += key.Values.Count;
        _keyRows = keys;
        _valueRows = values;
        _shapeRows = shapesTable;
    }

    /// <param name="rowId">Of the row in the table.</param>
    public void Append(RowAppender row, KeyValue[] attributes, int rowId)
    {
        _rowId = rowId;
        _texts.Clear();
        if (_tree.Of(attributes) is { } shape)
        {
            AppendColumns(row, shape, attributes);
            AppendCodes(row, shape, attributes);
            AppendTexts(row, withKeys: false);
            shape.Spans++;
        }
        else
        {
            AppendFreeForm(row, attributes);
        }
    }

    /// <summary>Appends what is new of keys, values and shapes.</summary>
    public void Flush()
    {
        foreach (var key in _tree.AddedKeys.Concat(_addedTexts))
        {
            _keyRows.Append(key.Id);
            _keyRows.Append(key.Key);
            _keyRows.Append((int)key.Type);
            if (key.Column < 0)
                _keyRows.AppendNull();
            else
                _keyRows.Append(key.Column);
            _keyRows.Append(key.HasTexts);
            _keyRows.EndRow();
        }
        foreach (var (key, code) in _addedValues)
            AppendValue(key, code);
        foreach (var shape in _tree.AddedShapes)
            AppendShape(shape.Id, shape.Keys);
        if (_addedFreeForm)
            AppendShape(Shapes.FreeForm, []);
        _keyRows.Flush();
        _valueRows.Flush();
        _shapeRows.Flush();
    }

    public void Publish()
    {
        _tree.AddedKeys.Clear();
        _tree.AddedShapes.Clear();
        _addedValues.Clear();
        _addedTexts.Clear();
        _addedFreeForm = false;
        _noted.Clear();
    }

    public void Discard()
    {
        // the numbers noted will be those of other rows
        foreach (var (key, code) in _noted)
            key.Rows.Set(code, null);
        _noted.Clear();
        _keyRows.Discard();
        _valueRows.Discard();
        _shapeRows.Discard();
    }

    void AppendColumns(RowAppender row, Shape shape, KeyValue[] attributes)
    {
        for (var column = 0; column < _layout.Columns.Length; column++)
        {
            var place = shape.PlaceOf(column);
            if (place < 0)
            {
                row.AppendNull();
                continue;
            }
            var value = attributes[place].Value;
            switch (_layout.Columns[column].Type)
            {
                case AttributeType.String: row.Append(value.AsString()!); break;
                case AttributeType.Int: row.Append(value.AsInt()); break;
                case AttributeType.Bool: row.Append(value.AsBool()); break;
                default: row.Append(value.AsDouble()); break;
            }
        }
        row.Append(shape.Id);
    }

    void AppendCodes(RowAppender row, Shape shape, KeyValue[] attributes)
    {
        if (shape.Coded.Length == 0)
        {
            row.AppendNull();
            return;
        }
        row.BeginList(shape.Coded.Length);
        foreach (var place in shape.Coded)
        {
            var code = CodeOf(shape.Keys[place], attributes[place].Value);
            if (code < 0)
            {
                _texts.Add(attributes[place]);
                code = -_texts.Count;
            }
            row.AppendElement(code);
        }
    }

    void AppendTexts(RowAppender row, bool withKeys)
    {
        if (_texts.Count == 0)
        {
            row.AppendNull();
            row.AppendNull();
            return;
        }
        var beside = 0;
        row.BeginList(_texts.Count);
        foreach (var (key, value) in _texts)
        {
            var (letter, text) = AttributeText.Of(value);
            row.AppendElement(withKeys ? letter + KeyPrefix(key) + text : letter + text);
            beside += letter == AttributeText.Beside ? 1 : 0;
        }
        if (beside == 0)
        {
            row.AppendNull();
            return;
        }
        row.BeginList(beside);
        foreach (var (_, value) in _texts)
        {
            if (AttributeText.Of(value).Letter == AttributeText.Beside)
                row.AppendElement(AttributeText.Pack(value));
        }
    }

    void AppendFreeForm(RowAppender row, KeyValue[] attributes)
    {
        for (var column = 0; column < _layout.Columns.Length; column++)
            row.AppendNull();
        row.Append(Shapes.FreeForm);
        row.AppendNull();
        _texts.AddRange(attributes);
        AppendTexts(row, withKeys: true);
        if (!_shapes.HasFreeForm)
        {
            _shapes.HasFreeForm = true;
            _addedFreeForm = true;
        }
    }

    /// <summary>What stands before the text of an attribute in free form; no two keys have the same.</summary>
    public static string KeyPrefix(string key) =>
        string.Create(CultureInfo.InvariantCulture, $"{key.EnumerateRunes().Count()}:{key}");

    /// <summary>-1 when the value gets none.</summary>
    int CodeOf(AttributeKey key, in AttributeValue value)
    {
        if (key.Id >= _codes.Length)
            Array.Resize(ref _codes, Math.Max(key.Id + 1, _codes.Length * 2));
        var codes = _codes[key.Id] ??= new Codes(key);
        var code = codes.Of(value);
        if (code >= 0)
        {
            AddRow(key, code);
            return code;
        }
        if (key.Values.Count < MaxValuesOfKey && _values < MaxValues && MayHaveCode(value))
        {
            _values++;
            code = codes.Add(value);
            _addedValues.Add((key, code));
            key.Rows.Set(code, SharedList<int>.Of([_rowId]));
            _noted.Add((key, code));
            return code;
        }
        if (!key.HasTexts)
        {
            key.HasTexts = true;
            _addedTexts.Add(key);
        }
        return -1;
    }

    // before the commit, so that a search that sees the row knows of it
    void AddRow(AttributeKey key, int code)
    {
        if (key.Rows[code] is not { } rows)
            return;
        if (rows.Count < MaxRows)
        {
            rows.Add(_rowId);
            _noted.Add((key, code));
        }
        else
        {
            key.Rows.Set(code, null);
        }
    }

    static bool MayHaveCode(in AttributeValue value) => value.AsString() is { } text
        // what becomes another text on disk must not be remembered as it was
        ? text.Length <= MaxCodedText && !text.AsSpan().ContainsAnyInRange('\ud800', '\udfff')
        : value.Type is not (AttributeType.Bytes or AttributeType.Array or AttributeType.Map);

    void AppendValue(AttributeKey key, int code)
    {
        var value = key.Values[code];
        var (letter, text) = AttributeText.Of(value);
        _valueRows.Append(key.Id);
        _valueRows.Append(code);
        _valueRows.Append(letter + text);
        if (letter == AttributeText.Beside)
            _valueRows.Append(AttributeText.Pack(value));
        else
            _valueRows.AppendNull();
        // the rows are noted when the partition is sealed
        _valueRows.AppendNull();
        _valueRows.EndRow();
    }

    void AppendShape(int id, AttributeKey[] keys)
    {
        _shapeRows.Append(id);
        _shapeRows.BeginList(keys.Length);
        foreach (var key in keys)
            _shapeRows.AppendElement(key.Id);
        _shapeRows.EndRow();
    }

    /// <summary>The codes of a key's values; texts apart, as their own hashing is faster.</summary>
    sealed class Codes
    {
        readonly AttributeKey _key;
        readonly Dictionary<string, int> _texts = [];
        readonly Dictionary<AttributeValue, int> _others = [];

        public Codes(AttributeKey key)
        {
            _key = key;
            for (var code = 0; code < key.Values.Count; code++)
                Set(key.Values[code], code);
        }

        public int Of(in AttributeValue value)
        {
            var isKnown = value.AsString() is { } text
                ? _texts.TryGetValue(text, out var code)
                : _others.TryGetValue(value, out code);
            return isKnown ? code : -1;
        }

        public int Add(in AttributeValue value)
        {
            var code = _key.Values.Count;
            _key.Values.Add(value);
            Set(value, code);
            return code;
        }

        void Set(in AttributeValue value, int code)
        {
            if (value.AsString() is { } text)
                _texts[text] = code;
            else
                _others[value] = code;
        }
    }
}
