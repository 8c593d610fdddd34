namespace Tracing.Storage.Blocks;

/// <summary>
/// Adds rows of a block to columns. What a number of the block is in the columns is found when it is first asked for,
/// so that texts and values are looked up once for each block, not once for each span.
/// </summary>
sealed class ColumnMapping
{
    readonly SpanBlock _from;
    readonly SpanColumns _to;
    readonly int[] _templates;
    readonly int[] _sources;
    readonly int[] _commits;
    readonly int[] _keys;
    readonly int[]?[] _values;
    readonly int[]?[] _extras;

    public ColumnMapping(SpanBlock from, SpanColumns to)
    {
        _from = from;
        _to = to;
        _templates = new int[from.Templates.Length];
        _sources = new int[from.SourceCount];
        _commits = new int[from.CommitNames.Length];
        _keys = new int[from.KeyCount];
        _values = new int[]?[from.KeyCount];
        _extras = new int[]?[SpanTemplate.Extras.Length];
    }

    /// <summary>Adds the rows for which there is a true.</summary>
    public void Add(ReadOnlySpan<bool> wanted)
    {
        var next = new int[_from.KeyCount];
        Span<int> nextExtra = stackalloc int[SpanTemplate.Extras.Length];
        var trace = 0;
        for (var i = 0; i < _from.Count; i++)
        {
            if (i == _from.Traces.From[trace + 1])
                trace++;
            var code = _from.TemplateCodes[i];
            if (wanted[i])
                AddRow(i, trace, code);
            ref readonly var template = ref _from.Templates[code];
            foreach (var key in template.Keys)
            {
                var value = next[key]++;
                if (wanted[i])
                    _to.Values.Add(ValueOf(key, _from.CodesOf(key)[value]));
            }
            for (var extra = 0; extra < nextExtra.Length; extra++)
            {
                if ((template.Flags & SpanTemplate.Extras[extra]) == 0)
                    continue;
                var value = nextExtra[extra]++;
                if (wanted[i])
                    _to.Values.Add(ExtraOf(extra, _from.ExtraCodesOf(extra)[value]));
            }
        }
    }

    void AddRow(int i, int trace, int code)
    {
        _to.TraceIds.Add(_from.Traces.Ids[trace]);
        _to.SpanIds.Add(_from.SpanIdOf(i));
        _to.ParentIds.Add(_from.ParentIdOf(i));
        _to.Starts.Add(_from.Starts[i]);
        _to.Durations.Add(_from.Durations[i]);
        _to.Templates.Add(TemplateOf(code));
        _to.Sources.Add(SourceOf(_from.SourceCodes[i]));
        _to.Commits.Add(CommitOf(_from.CommitCodes[i]));
        _to.ValuesFrom.Add(_to.Values.Count);
    }

    int TemplateOf(int code)
    {
        if (_templates[code] == 0)
        {
            var template = _from.Templates[code];
            _templates[code] = 1 + _to.TemplateOf(new SpanTemplate(template.Flags,
                _to.Names.Add(_from.NameBytesOf(template.Name)), template.Kind, template.Status, template.OtlpFlags,
                _to.ScopeBytes.Add(_from.ScopeBytesOf(template.Scope)),
                _to.KeySetOf(Array.ConvertAll(template.Keys, KeyOf))));
        }
        return _templates[code] - 1;
    }

    int SourceOf(int code)
    {
        if (_sources[code] == 0)
            _sources[code] = 1 + _to.SourceBytes.Add(_from.SourceBytesOf(code));
        return _sources[code] - 1;
    }

    int CommitOf(int code)
    {
        if (_commits[code] == 0)
            _commits[code] = 1 + _to.CommitNames.Add(_from.CommitNames[code]);
        return _commits[code] - 1;
    }

    int KeyOf(int key)
    {
        if (_keys[key] == 0)
            _keys[key] = 1 + _to.KeyOf(_from.KeyBytesOf(key));
        return _keys[key] - 1;
    }

    int ValueOf(int key, int code)
    {
        var values = _values[key] ??= new int[_from.ValuesOf(key).Count];
        if (values[code] == 0)
            values[code] = 1 + _to.KeyValues[KeyOf(key)].Add(_from.ValuesOf(key).BytesOf(code));
        return values[code] - 1;
    }

    int ExtraOf(int extra, int code)
    {
        var values = _extras[extra] ??= new int[_from.ExtraValuesOf(extra).Count];
        if (values[code] == 0)
            values[code] = 1 + _to.Extras[extra].Add(_from.ExtraValuesOf(extra).BytesOf(code));
        return values[code] - 1;
    }
}
