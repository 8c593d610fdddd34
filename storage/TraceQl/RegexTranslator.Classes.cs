using System.Globalization;
using System.Text;

namespace Tracing.Storage.TraceQl;

/// <summary>Escapes and classes of characters.</summary>
sealed partial class RegexTranslator
{
    static readonly Dictionary<string, string> Named = new(StringComparer.Ordinal)
    {
        ["alnum"] = "0-9A-Za-z",
        ["alpha"] = "A-Za-z",
        ["ascii"] = @"\u0000-\u007F",
        ["blank"] = @"\t\u0020",
        ["cntrl"] = @"\u0000-\u001F\u007F",
        ["digit"] = "0-9",
        ["graph"] = @"\u0021-\u007E",
        ["lower"] = "a-z",
        ["print"] = @"\u0020-\u007E",
        ["punct"] = @"\u0021-\u002F\u003A-\u0040\u005B-\u0060\u007B-\u007E",
        ["space"] = @"\t\n\v\f\r\u0020",
        ["upper"] = "A-Z",
        ["word"] = "0-9A-Za-z_",
        ["xdigit"] = "0-9A-Fa-f",
    };

    static readonly HashSet<string> Categories =
    [
        "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Ps", "Pe",
        "Pi", "Pf", "Po", "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp", "C", "Cc", "Cf", "Cs", "Co",
    ];

    void AddEscape()
    {
        var escaped = _next + 1 < _source.Length ? _source[_next + 1] : '\0';
        switch (escaped)
        {
            case 'A' or 'z':
                _next++;
                AddBare("\\" + escaped);
                break;
            case 'b' or 'B':
                // a boundary of ASCII words to RE2, of all words to .NET
                _isPlain = false;
                _next++;
                AddBare("\\" + escaped);
                break;
            case 'Q':
                AddQuoted();
                break;
            case 'D' or 'S' or 'W' or 'P' or 'p':
                var set = TakeSet()!;
                AddAtom(escaped == 'p' ? $"[{set}]" : $"(?:{AnyPair}|[{set}-[{Halves}]])");
                break;
            case 'd' or 's' or 'w':
                AddAtom($"[{TakeSet()}]");
                break;
            default:
                AddAtom(Literal(TakeEscapedRune()));
                break;
        }
    }

    void AddQuoted()
    {
        _next += 2;
        var end = _source.IndexOf("\\E", _next, StringComparison.Ordinal);
        var stop = end < 0 ? _source.Length : end;
        while (_next < stop)
            AddAtom(Literal(TakeRune()));
        _next = end < 0 ? stop : stop + 2;
    }

    /// <summary>What stands within brackets for \d, \D, \s, \S, \w, \W, \p, \P; null for any other escape.</summary>
    string? TakeSet()
    {
        var letter = _next + 1 < _source.Length ? _source[_next + 1] : '\0';
        var set = letter switch
        {
            'd' => "0-9",
            'D' => @"\u0000-\u002F\u003A-\uD7FF\uE000-\uFFFF",
            's' => @"\t\n\f\r\u0020",
            'S' => @"\u0000-\u0008\u000B\u000E-\u001F\u0021-\uD7FF\uE000-\uFFFF",
            'w' => "0-9A-Za-z_",
            'W' => @"\u0000-\u002F\u003A-\u0040\u005B-\u005E\u0060\u007B-\uD7FF\uE000-\uFFFF",
            _ => null,
        };
        if (letter is 'p' or 'P')
            return TakeCategory(letter == 'P');
        if (set is not null)
            _next += 2;
        return set;
    }

    string TakeCategory(bool isNegated)
    {
        _next += 2;
        // categories of .NET and RE2 are of different versions of Unicode, and pairs have none in .NET
        _isPlain = false;
        string name;
        if (Current == '{')
        {
            var end = _source.IndexOf('}', _next);
            if (end < 0)
                throw Error("'\\p{' has no end: expected '}'");
            name = _source[(_next + 1)..end];
            _next = end + 1;
        }
        else
        {
            name = Current.ToString();
            _next = Math.Min(_next + 1, _source.Length);
        }
        if (name.StartsWith('^'))
            (isNegated, name) = (!isNegated, name[1..]);
        return Categories.Contains(name)
            ? $"\\{(isNegated ? 'P' : 'p')}{{{name}}}"
            : throw Error($"'{name}' is no category of characters; scripts are not supported");
    }

    /// <summary>A single character after a backslash.</summary>
    Rune TakeEscapedRune()
    {
        _next++;
        if (_next == _source.Length)
            throw Error("there is nothing after the last '\\'");
        var rune = TakeRune();
        switch (rune.Value)
        {
            case 'a': return new Rune('\a');
            case 'f': return new Rune('\f');
            case 'n': return new Rune('\n');
            case 'r': return new Rune('\r');
            case 't': return new Rune('\t');
            case 'v': return new Rune('\v');
            case 'x': return TakeHex();
            case >= '0' and <= '7' when rune.Value == '0' || Current is >= '0' and <= '7': return TakeOctal(rune.Value);
            case < 128 when !char.IsAsciiLetterOrDigit((char)rune.Value): return rune;
            default: throw Error($"'\\{rune}' is no escape of RE2");
        }
    }

    Rune TakeHex()
    {
        var end = Current == '{' ? _source.IndexOf('}', _next) : _next + 2;
        if (end < 0 || end > _source.Length)
            throw Error("'\\x' needs two hex digits, or any in braces");
        var digits = _source.AsSpan(_next, end - _next).TrimStart('{');
        _next = Math.Min(end + (Current == '{' ? 1 : 0), _source.Length);
        return uint.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code) &&
            Rune.TryCreate(code, out var rune)
            ? rune
            : throw Error($"'\\x{digits}' is no character");
    }

    Rune TakeOctal(int first)
    {
        var value = first - '0';
        for (var digits = 1; digits < 3 && Current is >= '0' and <= '7'; digits++)
            value = (value * 8) + Take() - '0';
        return new Rune(value);
    }

    /// <summary>A class in brackets; characters of two units become alternatives beside it.</summary>
    sealed class RegexClass(RegexTranslator pattern)
    {
        readonly StringBuilder _set = new();
        readonly List<string> _pairs = [];

        // whether \D and the like bring in all characters of two units
        bool _hasAllPairs;

        public string Read()
        {
            pattern._next++;
            var isNegated = pattern.Current == '^';
            if (isNegated)
                pattern._next++;
            for (var isFirst = true; isFirst || pattern.Current != ']'; isFirst = false)
            {
                if (pattern._next >= pattern._source.Length)
                    throw pattern.Error("a class has no end: expected ']'");
                ReadItem();
            }
            pattern._next++;
            if (isNegated)
            {
                return _pairs.Count > 0
                    ? throw pattern.Error("a negated class cannot hold characters beyond U+FFFF")
                    : _hasAllPairs ? $"[^{_set}{Halves}]" : AnyBut(_set.ToString());
            }
            if (_hasAllPairs)
                return $"(?:{AnyPair}|[{_set}])";
            if (_pairs.Count == 0)
                return $"[{_set}]";
            return _set.Length == 0 ? $"(?:{string.Join('|', _pairs)})" : $"(?:[{_set}]|{string.Join('|', _pairs)})";
        }

        void ReadItem()
        {
            if (pattern.IsNext("[:"))
            {
                ReadNamed();
                return;
            }
            var isAll = Array.Exists([@"\D", @"\S", @"\W", @"\P"], pattern.IsNext);
            if (pattern.Current == '\\' && pattern.TakeSet() is { } set)
            {
                _hasAllPairs |= isAll;
                _set.Append(set);
                return;
            }
            var from = TakeOne();
            var isRange = pattern.Current == '-' && pattern._next + 1 < pattern._source.Length &&
                pattern._source[pattern._next + 1] != ']';
            if (isRange)
                AddRange(from);
            else if (from.IsBmp)
                _set.Append(Escaped(from.Value));
            else
                _pairs.Add(Literal(from));
        }

        void AddRange(Rune from)
        {
            pattern._next++;
            var to = TakeOne();
            if (to < from)
                throw pattern.Error($"the range '{from}-{to}' is the wrong way round");
            if (!to.IsBmp)
                throw pattern.Error("a range cannot go beyond U+FFFF");
            _set.Append(Escaped(from.Value)).Append('-').Append(Escaped(to.Value));
        }

        Rune TakeOne() => pattern.Current == '\\' ? pattern.TakeEscapedRune() : pattern.TakeRune();

        void ReadNamed()
        {
            var end = pattern._source.IndexOf(":]", pattern._next, StringComparison.Ordinal);
            var name = end < 0 ? "" : pattern._source[(pattern._next + 2)..end];
            if (!Named.TryGetValue(name, out var set))
                throw pattern.Error($"'[:{name}:]' is no class of characters");
            pattern._next = end + 2;
            _set.Append(set);
        }
    }
}
