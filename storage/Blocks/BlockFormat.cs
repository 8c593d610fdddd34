namespace Tracing.Storage.Blocks;

/// <summary>
/// The parts of a block, in the order written. Each is compressed on its own, so that a reader decompresses only what a
/// question needs. After these come, for each key, its values and the numbers that spans have of them.
/// </summary>
enum Section
{
    Names,
    Scopes,
    Sources,
    Keys,
    Commits,
    Templates,

    /// <summary>Ids, earliest start and number of spans of each trace.</summary>
    Traces,

    /// <summary>Why each trace is kept; empty where nothing was decided.</summary>
    Kept,
    SpanIds,
    ParentCodes,
    ParentIds,
    Starts,
    Durations,
    TemplateCodes,
    SourceCodes,
    CommitCodes,

    /// <summary>Values and numbers of each of <see cref="SpanTemplate.Extras"/>.</summary>
    FirstExtra,
    FirstKey = FirstExtra + (2 * 4),
}

/// <summary>What writer and reader of blocks agree on.</summary>
/// <remarks>
/// Layout: version (1 byte), spans, traces, sections (varints), then of each section its length and, where it is
/// compressed, its length before that, else 0; then the sections. Numbers of more than a byte are kept in planes, all
/// low bytes first, as zstd finds more in bytes that are alike.
/// </remarks>
static class BlockFormat
{
    public const byte Version = 2;

    /// <summary>How far a parent is looked for. Its code is twice the distance, plus one if it comes after.</summary>
    public const int MaxParentDistance = 126;

    public const byte NoParent = 0;

    /// <summary>The parent is not near; its id is in <see cref="Section.ParentIds"/>.</summary>
    public const byte FarParent = 1;

    public static Section ValuesOfExtra(int extra) => Section.FirstExtra + (2 * extra);

    public static Section CodesOfExtra(int extra) => Section.FirstExtra + (2 * extra) + 1;

    public static Section ValuesOfKey(int key) => Section.FirstKey + (2 * key);

    public static Section CodesOfKey(int key) => Section.FirstKey + (2 * key) + 1;
}
