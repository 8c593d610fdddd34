using System.Globalization;
using System.Text.RegularExpressions;
using DuckDB.NET.Data;

namespace Tracing.Storage.DuckDb;

/// <summary>The parameters of one statement.</summary>
sealed partial class SqlParameters
{
    readonly List<object> _values = [];
    readonly Dictionary<string, string> _texts = new(StringComparer.Ordinal);

    /// <summary>What stands for the value in the statement; it may be used often or not at all.</summary>
    public string Bind(object value)
    {
        _values.Add(value);
        return string.Create(CultureInfo.InvariantCulture, $"${_values.Count}");
    }

    public string BindText(string text)
    {
        if (!_texts.TryGetValue(text, out var bound))
            _texts.Add(text, bound = $"decode({Bind(text.ToParameter())})");
        return bound;
    }

    /// <summary>The statement with the parameters that it uses, since DuckDB refuses others.</summary>
    public DuckDBCommand Command(DuckDBConnection connection, string sql)
    {
        var used = new OrderedDictionary<int, object>();
        var numbered = Placeholder().Replace(sql, match =>
        {
            // a column is named after its attribute's key, which may look like a placeholder
            if (match.ValueSpan[0] == '"')
                return match.Value;
            var number = int.Parse(match.ValueSpan[1..], CultureInfo.InvariantCulture);
            used.TryAdd(number, _values[number - 1]);
            return string.Create(CultureInfo.InvariantCulture, $"${used.IndexOf(number) + 1}");
        });
        return connection.Command(numbered, [.. used.Values]);
    }

    [GeneratedRegex("""
        "(?:[^"]|"")*"|\$[0-9]+
        """)]
    private static partial Regex Placeholder();
}
