using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Tracing.Storage.TraceQl;

/// <summary>
/// Regular expressions of RE2's syntax for .NET's engine that does not backtrack, so that matching takes time in
/// proportion to the text, whatever the pattern. What only one of the two knows is refused. Patterns match whole
/// texts, and the dot matches line breaks too.
/// </summary>
sealed partial class RegexTranslator
{
    /// <summary>Characters of a pattern.</summary>
    const int MaxLength = 1_000;

    /// <summary>How often something may repeat, repetitions within repetitions multiplied; RE2's bound.</summary>
    const int MaxRepeat = 1_000;

    /// <summary>Beyond it, RE2 may find a pattern too large for its memory.</summary>
    const int MaxPlainRepeat = 100;

    /// <summary>Depth of groups, as .NET's parser recurses.</summary>
    const int MaxDepth = 100;

    /// <summary>Any character, which beyond the first 65,536 is two of .NET's.</summary>
    const string AnyPair = @"[\uD800-\uDBFF][\uDC00-\uDFFF]";

    /// <summary>The halves of such characters, which are none of their own.</summary>
    const string Halves = @"\uD800-\uDFFF";

    readonly string _source;
    readonly int _column;
    readonly StringBuilder _output = new();
    readonly Stack<(bool IsMultiline, bool IsSingleline, int Repeat)> _groups = new();
    int _next;
    bool _isMultiline;
    bool _isSingleline = true;
    bool _isPlain = true;

    // whether there is something to repeat, and how often it repeats already
    bool _hasAtom;
    int _atomRepeat = 1;
    int _groupRepeat = 1;

    RegexTranslator(string source, int column)
    {
        _source = source;
        _column = column;
    }

    /// <param name="column">Where the pattern stands in the query, for errors.</param>
    public static Pattern Translate(string source, int column)
    {
        if (source.Length > MaxLength)
            throw new TraceQlException(column, $"a regular expression is longer than {MaxLength} characters");
        var translator = new RegexTranslator(source, column);
        var translated = translator.Translate();
        try
        {
            return new Pattern(source, new Regex($@"\A(?:{translated})\z",
                RegexOptions.NonBacktracking | RegexOptions.Singleline | RegexOptions.CultureInvariant),
                translator._isPlain);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw translator.Error(e.Message);
        }
    }

    char Current => _next < _source.Length ? _source[_next] : '\0';

    bool IsNext(string text) => _source.AsSpan(_next).StartsWith(text, StringComparison.Ordinal);

    string Translate()
    {
        while (_next < _source.Length)
        {
            switch (Current)
            {
                case '(': OpenGroup(); break;
                case ')': CloseGroup(); break;
                case '[': AddAtom(new RegexClass(this).Read()); break;
                case '\\': AddEscape(); break;
                case '|': AddBare("|"); break;
                case '^': AddBare("^"); break;
                case '$': AddBare(_isMultiline ? "$" : @"\z"); break;
                case '.': Take(); AddAtom(AnyBut(_isSingleline ? "" : @"\n")); break;
                case '*' or '+' or '?': AddRepeat(Take().ToString(), 1); break;
                case '{': AddCount(); break;
                default: AddAtom(Literal(TakeRune())); break;
            }
        }
        return _groups.Count == 0 ? _output.ToString() : throw Error("a group has no end: expected ')'");
    }

    char Take() => _source[_next++];

    Rune TakeRune()
    {
        var rune = Rune.TryGetRuneAt(_source, _next, out var whole) ? whole : Rune.ReplacementChar;
        _next += rune.Utf16SequenceLength;
        return rune;
    }

    static string Literal(Rune rune) => rune.IsBmp
        ? Escaped(rune.Value)
        : "(?:" + string.Concat(rune.ToString().Select(half => Escaped(half))) + ")";

    static string Escaped(int unit) => string.Create(CultureInfo.InvariantCulture, $"\\u{unit:X4}");

    static string AnyBut(string set) => $"(?:{AnyPair}|[^{set}{Halves}])";

    void AddAtom(string text)
    {
        _output.Append(text);
        _hasAtom = true;
        _atomRepeat = 1;
    }

    void AddBare(string text)
    {
        _next++;
        _output.Append(text);
        // an anchor can be repeated, an alternative cannot
        _hasAtom = text != "|";
        _atomRepeat = 1;
    }

    void AddRepeat(string text, int count)
    {
        if (!_hasAtom)
            throw Error($"there is nothing to repeat before '{text}'");
        _atomRepeat *= Math.Max(1, count);
        if (_atomRepeat > MaxRepeat)
            throw Error($"something repeats more than {MaxRepeat} times");
        _isPlain &= _atomRepeat <= MaxPlainRepeat;
        _groupRepeat = Math.Max(_groupRepeat, _atomRepeat);
        // whether few or many are preferred does not matter for a whole match
        if (Current == '?')
            _next++;
        if (Current is '*' or '+' or '?')
            throw Error("a repetition cannot be repeated");
        _output.Append(text);
    }

    /// <summary>{n}, {n,} or {n,m}; any other brace is itself.</summary>
    void AddCount()
    {
        var match = Count().Match(_source, _next, _source.Length - _next);
        if (!match.Success)
        {
            AddAtom(Literal(TakeRune()));
            return;
        }
        _next += match.Length;
        var hasMin = int.TryParse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture, out var min);
        var max = min;
        var hasMax = match.Groups[2].Value is "" or "," ||
            int.TryParse(match.Groups[2].ValueSpan[1..], CultureInfo.InvariantCulture, out max);
        if (!hasMin || !hasMax || min > MaxRepeat || max > MaxRepeat || max < min)
            throw Error($"'{match.Value}' is no count of repetitions");
        AddRepeat(match.Value, max);
    }

    [GeneratedRegex(@"\G\{([0-9]+)(,[0-9]*)?\}")]
    private static partial Regex Count();

    void OpenGroup()
    {
        if (_groups.Count == MaxDepth)
            throw Error($"groups nest deeper than {MaxDepth}");
        _next++;
        var (isMultiline, isSingleline) = (_isMultiline, _isSingleline);
        if (!IsNext("?"))
        {
            _output.Append("(?:");
        }
        else if (GroupName().Match(_source, _next, _source.Length - _next) is { Success: true } name)
        {
            _next += name.Length;
            _output.Append("(?:");
            // known to newer versions of RE2 only
            _isPlain &= name.ValueSpan[1] == 'P';
        }
        else if (!ReadFlags())
        {
            return;
        }
        _groups.Push((isMultiline, isSingleline, _groupRepeat));
        (_hasAtom, _atomRepeat, _groupRepeat) = (false, 1, 1);
    }

    [GeneratedRegex(@"\G\?P?<[A-Za-z_][A-Za-z0-9_]*>")]
    private static partial Regex GroupName();

    [GeneratedRegex(@"\G\?([ims]*)(-[ims]+)?([:)])")]
    private static partial Regex Flags();

    /// <summary>Whether a group was opened; else the flags hold for the rest of the group that they stand in.</summary>
    bool ReadFlags()
    {
        var match = Flags().Match(_source, _next, _source.Length - _next);
        if (!match.Success)
            throw Error($"'({_source.AsSpan(_next, Math.Min(3, _source.Length - _next))}' opens no group of RE2");
        _next += match.Length;
        var (on, off) = (match.Groups[1].Value, match.Groups[2].Value);
        _isMultiline = (_isMultiline || on.Contains('m')) && !off.Contains('m');
        _isSingleline = (_isSingleline || on.Contains('s')) && !off.Contains('s');
        // the two engines know different pairs of cases
        _isPlain &= !on.Contains('i');
        _output.Append('(').Append(match.Value);
        if (match.Groups[3].Value == ")")
            _hasAtom = false;
        return match.Groups[3].Value == ":";
    }

    void CloseGroup()
    {
        if (!_groups.TryPop(out var outer))
            throw Error("')' closes no group");
        _next++;
        (_isMultiline, _isSingleline) = (outer.IsMultiline, outer.IsSingleline);
        var repeat = _groupRepeat;
        _groupRepeat = Math.Max(outer.Repeat, repeat);
        AddAtom(")");
        _atomRepeat = repeat;
    }

    TraceQlException Error(string message) => new(_column, $"a regular expression is wrong: {message}");
}
