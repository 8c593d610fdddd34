using Tracing.Model;

namespace Tracing.Storage.Blocks;

/// <summary>Makes spans of rows of a block, in ascending order. Not thread-safe.</summary>
/// <remarks>
/// The values of a key stand beside each other, so which of them is a row's depends on the rows before. Going on from
/// the last row costs what lies between.
/// </remarks>
sealed class SpanCursor(SpanBlock block)
{
    /// <summary>Over more rows it is cheaper to count templates, which are few, than to visit the rows.</summary>
    const int MaxVisited = 16;

    readonly int[] _keys = new int[block.KeyCount];
    readonly int[] _extras = new int[SpanTemplate.Extras.Length];
    int _row;
    int _trace;

    /// <summary>The span of a row, which comes after those read before.</summary>
    public Span Read(int row)
    {
        MoveTo(row);
        while (row >= block.Traces.From[_trace + 1])
            _trace++;
        var span = block.ToSpan(row, _trace, this);
        _row = row + 1;
        return span;
    }

    /// <summary>Where the next value of a key is among its values.</summary>
    internal int NextOfKey(int key) => _keys[key]++;

    internal int NextOfExtra(int extra) => _extras[extra]++;

    void MoveTo(int row)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(row, _row);
        if (row - _row <= MaxVisited)
        {
            for (; _row < row; _row++)
                Pass(block.Templates[block.TemplateCodes[_row]], 1);
            return;
        }
        var passed = block.TemplateCodes.Count(block.Templates.Length, _row, row);
        for (var code = 0; code < passed.Length; code++)
        {
            if (passed[code] > 0)
                Pass(block.Templates[code], passed[code]);
        }
        _row = row;
    }

    void Pass(BlockTemplate template, int count)
    {
        foreach (var key in template.Keys)
            _keys[key] += count;
        foreach (var extra in template.Extras)
            _extras[extra] += count;
    }
}
