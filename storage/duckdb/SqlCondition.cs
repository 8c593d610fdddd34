namespace Tracing.Storage.DuckDb;

/// <summary>
/// What SQL can say of a condition: <paramref name="Over"/> is true wherever the condition is, and
/// <paramref name="Under"/> nowhere else. Neither is ever NULL, so that both can be negated. Beside that, what is known
/// of the rows that meet it without asking DuckDB.
/// </summary>
readonly record struct SqlCondition(string Over, string Under)
{
    const string True = "true";
    const string False = "false";

    readonly string? _where;

    // inverted, so that the default leaves all open
    readonly ulong _otherResources;

    /// <summary>
    /// As <see cref="Over"/>, but may be NULL instead of false, for after WHERE: so DuckDB can skip what it need not
    /// read.
    /// </summary>
    public string Where
    {
        get => _where ?? Over;
        init => _where = value;
    }

    /// <summary>
    /// Of a sealed partition: the rows that may meet it, when they are few and known; null when SQL has to look for
    /// them.
    /// </summary>
    public IReadOnlyList<int>? Rows { get; init; }

    /// <summary>What spans that meet it may have as resource: bits of <see cref="TraceTable.BitOf"/>.</summary>
    public ulong Resources
    {
        get => ~_otherResources;
        init => _otherResources = ~value;
    }

    /// <summary>Whether only failed spans meet it.</summary>
    public bool IsError { get; init; }

    /// <summary>Whether SQL tells of every row.</summary>
    public bool IsExact => Over == Under;

    /// <summary>SQL cannot tell.</summary>
    public static SqlCondition Unknown { get; } = new(True, False);

    public static SqlCondition Always { get; } = new(True, True);

    public static SqlCondition Never { get; } = new(False, False) { Rows = [], Resources = 0, IsError = true };

    public static SqlCondition Constant(bool value) => value ? Always : Never;

    /// <param name="sql">NULL counts as false.</param>
    public static SqlCondition Exactly(string sql) =>
        new($"coalesce({sql}, false)", $"coalesce({sql}, false)") { Where = $"({sql})" };

    /// <summary>The same where it does not hold; where it does, that is left open.</summary>
    public SqlCondition AtMost() => this with { Under = False };

    public SqlCondition Negated() => new(Not(Under), Not(Over));

    public static SqlCondition operator &(SqlCondition left, SqlCondition right) => All([left, right]);

    public static SqlCondition operator |(SqlCondition left, SqlCondition right) => Any([left, right]);

    public static SqlCondition All(IReadOnlyList<SqlCondition> terms) => new(
        Join(terms, term => term.Over, "AND", True, False), Join(terms, term => term.Under, "AND", True, False))
    {
        Where = Join(terms, term => term.Where, "AND", True, False),
        Rows = terms.Select(term => term.Rows).OfType<IReadOnlyList<int>>().MinBy(rows => rows.Count),
        Resources = terms.Aggregate(ulong.MaxValue, (bits, term) => bits & term.Resources),
        IsError = terms.Any(term => term.IsError),
    };

    public static SqlCondition Any(IReadOnlyList<SqlCondition> terms) => new(
        Join(terms, term => term.Over, "OR", False, True), Join(terms, term => term.Under, "OR", False, True))
    {
        Where = Join(terms, term => term.Where, "OR", False, True),
        Rows = terms.All(term => term.Rows is not null) ? [.. terms.SelectMany(term => term.Rows!).Distinct()] : null,
        Resources = terms.Aggregate(0ul, (bits, term) => bits | term.Resources),
        IsError = terms.All(term => term.IsError),
    };

    static string Not(string sql) => sql switch
    {
        True => False,
        False => True,
        _ => $"(NOT {sql})",
    };

    /// <param name="neutral">What adds nothing.</param>
    /// <param name="final">What decides alone.</param>
    static string Join(IReadOnlyList<SqlCondition> terms, Func<SqlCondition, string> side, string by,
        string neutral, string final)
    {
        var parts = terms.Select(side).Where(part => part != neutral).Distinct().ToList();
        return parts.Contains(final) ? final : parts.Count == 0 ? neutral : Balanced(parts, 0, parts.Count, by);
    }

    /// <summary>As a tree of little depth, since DuckDB bounds the depth of expressions.</summary>
    static string Balanced(List<string> parts, int from, int to, string by)
    {
        if (to - from == 1)
            return parts[from];
        var middle = (from + to) / 2;
        return $"({Balanced(parts, from, middle, by)} {by} {Balanced(parts, middle, to, by)})";
    }
}
