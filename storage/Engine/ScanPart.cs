using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Storage.Blocks;

namespace Tracing.Storage.Engine;

/// <summary>A span, as OTLP says it.</summary>
/// <param name="Kept">How many stored spans it stands for; see <see cref="TraceKept"/>.</param>
/// <param name="Adjusted">How many spans it stands for by its client's sampling; null if that is not known.</param>
readonly record struct WeightedSpan(Span Span, double Kept, double? Adjusted)
{
    public WeightedSpan(Span span, double kept)
        : this(span, kept, SamplingThreshold.AdjustedCount(span.TraceState))
    {
    }

    /// <summary>How many spans it stands for; what every count is a sum of.</summary>
    public double Weight => Kept * Math.Min(Adjusted ?? 1, AdjustedCount.Max);
}

/// <summary>Selected spans that were read together: rows of a block, or spans.</summary>
sealed class ScanPart
{
    List<WeightedSpan>? _spans;
    readonly SpanBlock? _block;
    readonly RowSet? _rows;

    public ScanPart(List<WeightedSpan> spans) => _spans = spans;

    public ScanPart(SpanBlock block, RowSet rows)
    {
        (_block, _rows) = (block, rows);
        Rows = new SelectedRows(block, RowsOf(isZipkin: false));
    }

    /// <summary>Those in OTLP of a block; null if it is of none.</summary>
    public SelectedRows? Rows { get; }

    /// <summary>All others: of Zipkin's, OTLP says something else than the columns.</summary>
    public IReadOnlyList<WeightedSpan> Spans =>
        _spans ??= _block!.HasZipkin ? [.. Read(RowsOf(isZipkin: true))] : [];

    public IEnumerable<WeightedSpan> All() => _block is null ? Spans : Read(_rows!);

    RowSet RowsOf(bool isZipkin)
    {
        if (!isZipkin && !_block!.HasZipkin)
            return _rows!;
        var rows = RowSet.Where(
            _block!.TemplateCodes, Array.ConvertAll(_block.Templates, template => template.IsZipkin == isZipkin));
        rows.IntersectWith(_rows!);
        return rows;
    }

    IEnumerable<WeightedSpan> Read(RowSet rows)
    {
        var cursor = new SpanCursor(_block!);
        foreach (var row in rows)
        {
            var span = cursor.Read(row);
            yield return new(span.Origin == SpanOrigin.Zipkin ? OtlpGroups.FromZipkin(span) : span,
                SelectedRows.KeptOf(_block!, _block!.Traces.Of(row)));
        }
    }
}

/// <summary>Rows of a block, all of them in OTLP, and what each counts for.</summary>
sealed class SelectedRows(SpanBlock block, RowSet rows)
{
    double[]? _weights;

    public SpanBlock Block => block;

    public RowSet Rows => rows;

    /// <summary>
    /// How many spans each row of the block stands for by its client's sampling; NaN if that is not known. Null where
    /// each is one.
    /// </summary>
    public double[]? Adjusted { get; } = ReadAdjusted(block);

    /// <summary>How many spans each row of the block counts for; null where each is one.</summary>
    public double[]? Weights => Adjusted is null && block.Kept.Length == 0 ? null : _weights ??= ReadWeights();

    public static double KeptOf(SpanBlock block, int trace) => block.Kept.Length == 0 ? 1 : block.Kept[trace].Weight;

    public double WeightOf(int row) => Weights?[row] ?? 1;

    /// <summary>The sums of weights by a number that each row has; null where no row has it.</summary>
    public double?[] SumBy(CodeColumn codes, int count)
    {
        var sums = new double?[count];
        var weights = Weights;
        foreach (var row in rows)
        {
            ref var sum = ref sums[codes[row]];
            sum = sum.GetValueOrDefault() + (weights?[row] ?? 1);
        }
        return sums;
    }

    /// <summary>
    /// The sums of weights by the number of the value that a row has for a key, if it has it once; null where no row
    /// has the value.
    /// </summary>
    /// <param name="without">Gets the rows that do not have it.</param>
    /// <param name="repeated">Gets those that have it more than once.</param>
    public double?[] SumByValue(int key, RowSet? without, RowSet repeated)
    {
        var sums = new double?[block.ValuesOf(key).Count];
        var uses = block.UsesOf(key);
        var (templates, codes, weights) = (block.TemplateCodes, block.CodesOf(key), Weights);
        var next = 0;
        for (var row = 0; row < block.Count; row++)
        {
            var count = uses[templates[row]];
            if (rows[row])
            {
                if (count == 1)
                    sums[codes[next]] = sums[codes[next]].GetValueOrDefault() + (weights?[row] ?? 1);
                else
                    (count == 0 ? without : repeated)?.Add(row);
            }
            next += count;
        }
        return sums;
    }

    /// <summary>
    /// Tells of each value that rows have for a key, or of what a field says, and the sum of their weights. Values that
    /// are too long to be listed are left out, as are those of events and links.
    /// </summary>
    /// <param name="without">Gets the rows that do not have it.</param>
    /// <returns>The rows that have more than one value, of which it is not told.</returns>
    public RowSet AddValues(
        KeyScope scope, string key, Action<KeyType, string, double> add, RowSet? without = null)
    {
        var repeated = RowSet.None(block.Count);
        switch (scope)
        {
            case KeyScope.Span:
                AddAttribute(key, add, without, repeated);
                break;
            case KeyScope.Resource:
                AddByCode(block.SourceCodes, block.SourceCount,
                    source => AttributesOf(block.ResourceOf(source).Attributes, key), add, repeated);
                break;
            case KeyScope.Instrumentation:
                AddByCode(block.TemplateCodes, block.Templates.Length,
                    code => AttributesOf(block.ScopeOf(block.Templates[code]).Attributes, key), add, repeated);
                break;
            case KeyScope.Intrinsic when key == "statusMessage":
                AddMessages(add);
                break;
            default:
                AddByCode(block.TemplateCodes, block.Templates.Length,
                    code => FieldOf(block.Templates[code], key), add, repeated);
                break;
        }
        return repeated;
    }

    void AddAttribute(string key, Action<KeyType, string, double> add, RowSet? without, RowSet repeated)
    {
        var number = block.KeyOf(System.Text.Encoding.UTF8.GetBytes(key));
        if (number < 0)
        {
            without?.UnionWith(rows);
            return;
        }
        var sums = SumByValue(number, without, repeated);
        for (var code = 0; code < sums.Length; code++)
        {
            if (sums[code] is { } sum)
                Add(block.ValuesOf(number).ValueOf(code), sum, add);
        }
    }

    void AddByCode(CodeColumn codes, int count, Func<int, IReadOnlyList<(KeyType Type, string Text)>> valuesOf,
        Action<KeyType, string, double> add, RowSet repeated)
    {
        var sums = SumBy(codes, count);
        for (var code = 0; code < count; code++)
        {
            if (sums[code] is not { } sum)
                continue;
            var values = valuesOf(code);
            if (values.Count == 1)
                add(values[0].Type, values[0].Text, sum);
            else if (values.Count > 1)
            {
                var number = code;
                repeated.UnionWith(RowSet.Where(block.Count, row => rows[row] && codes[row] == number));
            }
        }
    }

    void AddMessages(Action<KeyType, string, double> add)
    {
        var values = block.ExtraValuesOf(SpanTemplate.Message);
        var sums = new double?[values.Count];
        var codes = block.ExtraCodesOf(SpanTemplate.Message);
        var next = 0;
        for (var row = 0; row < block.Count; row++)
        {
            if ((block.TemplateOf(row).Flags & SpanFlags.Message) == 0)
                continue;
            var code = codes[next++];
            if (rows[row])
                sums[code] = sums[code].GetValueOrDefault() + WeightOf(row);
        }
        for (var code = 0; code < sums.Length; code++)
        {
            var text = System.Text.Encoding.UTF8.GetString(values.BytesOf(code));
            if (sums[code] is { } sum && !SpanCounter.IsLong(text))
                add(KeyType.String, text, sum);
        }
    }

    (KeyType, string)[] FieldOf(BlockTemplate template, string name)
    {
        var field = name switch
        {
            "name" => (KeyType.String, block.NameOf(template.Name)),
            "status" => (KeyType.Status, template.Status.ToString().ToLowerInvariant()),
            "kind" => (KeyType.Kind, template.Kind.ToString().ToLowerInvariant()),
            "instrumentation:name" => (KeyType.String, block.ScopeOf(template).Name),
            "instrumentation:version" => (KeyType.String, block.ScopeOf(template).Version),
            _ => (KeyType.String, ""),
        };
        return field.Item2.Length > 0 && !SpanCounter.IsLong(field.Item2) ? [field] : [];
    }

    static (KeyType, string)[] AttributesOf(KeyValue[] attributes, string key) => [.. attributes
        .Where(attribute => attribute.Key == key)
        .Select(attribute => (KeyTypes.Of(attribute.Value.Type), ZipkinMapping.TagText(attribute.Value)))
        .Where(value => !SpanCounter.IsLong(value.Item2))];

    static void Add(AttributeValue value, double weight, Action<KeyType, string, double> add)
    {
        var text = ZipkinMapping.TagText(value);
        if (!SpanCounter.IsLong(text))
            add(KeyTypes.Of(value.Type), text, weight);
    }

    /// <summary>Spans of some of the rows.</summary>
    public IEnumerable<WeightedSpan> Read(RowSet some)
    {
        var cursor = new SpanCursor(block);
        foreach (var row in some)
            yield return new(cursor.Read(row), KeptOf(block, block.Traces.Of(row)));
    }

    /// <summary>Those of the rows whose template fits.</summary>
    public RowSet Where(Predicate<BlockTemplate> fits)
    {
        var some = RowSet.Where(block.TemplateCodes, Array.ConvertAll(block.Templates, template => fits(template)));
        some.IntersectWith(rows);
        return some;
    }

    static double[]? ReadAdjusted(SpanBlock block)
    {
        if (!Array.Exists(block.Templates, HasTraceState))
            return null;
        var ofValue = new double[block.ExtraValuesOf(SpanTemplate.TraceState).Count];
        for (var code = 0; code < ofValue.Length; code++)
        {
            ofValue[code] = SamplingThreshold.AdjustedCount(System.Text.Encoding.UTF8.GetString(
                block.ExtraValuesOf(SpanTemplate.TraceState).BytesOf(code))) ?? double.NaN;
        }
        var adjusted = new double[block.Count];
        var codes = block.ExtraCodesOf(SpanTemplate.TraceState);
        var next = 0;
        for (var row = 0; row < adjusted.Length; row++)
            adjusted[row] = HasTraceState(block.TemplateOf(row)) ? ofValue[codes[next++]] : 1;
        return adjusted;
    }

    double[] ReadWeights()
    {
        var weights = new double[block.Count];
        for (var trace = 0; trace < block.TraceCount; trace++)
        {
            var kept = KeptOf(block, trace);
            for (var row = block.Traces.From[trace]; row < block.Traces.From[trace + 1]; row++)
            {
                var adjusted = Adjusted?[row] ?? 1;
                weights[row] = kept * (double.IsNaN(adjusted) ? 1 : Math.Min(adjusted, AdjustedCount.Max));
            }
        }
        return weights;
    }

    static bool HasTraceState(BlockTemplate template) => (template.Flags & SpanFlags.TraceState) != 0;
}
