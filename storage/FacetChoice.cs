using Tracing.Storage.TraceQl;

namespace Tracing.Storage;

/// <summary>What a sample of the selected spans tells of a key; counts are of the spans that those stand for.</summary>
/// <param name="Distinct">How many values there are, at least.</param>
/// <param name="IsUnique">Whether there are several values and each occurs once, as of ids.</param>
/// <param name="Spans">How many spans have the key.</param>
/// <param name="Values">The most frequent ones, at most <see cref="FacetChoice.MaxComparedValues"/>.</param>
sealed record SampledKey(SpanKey Key, long Distinct, bool IsUnique, double Spans, IReadOnlyList<ValueCount> Values);

/// <summary>
/// Chooses the keys that tell most of selected spans: those with a value whose share of the selection is larger than
/// its share of the spans to compare with, by the difference of the two. The ratio would favour what is rare in both.
/// </summary>
static class FacetChoice
{
    /// <summary>
    /// Keys that are looked at, those of most spans. Their texts and those of their values take 16 MiB at most, as one
    /// has <see cref="KeyQuery.MaxTextBytes"/> at most.
    /// </summary>
    public const int MaxConsidered = 256;

    /// <summary>
    /// Spans that are looked at for it, of the selection and of those to compare with, about: a share of half of them
    /// is known to 0.8 points (standard error), far below <see cref="MinDifference"/>.
    /// </summary>
    public const int MaxSampled = 4_000;

    /// <summary>
    /// Values of a key that are compared. Of those beyond, none has more than a sixteenth of the spans, so that its
    /// share cannot differ by much.
    /// </summary>
    public const int MaxComparedValues = 16;

    /// <summary>A key of more values than this does not sum up anything, unless one of them is a clue.</summary>
    public const int MaxTellingValues = 32;

    /// <summary>Keys that are chosen, and how many of them at most of which the spans have several values.</summary>
    public const int MaxChosen = 48;
    public const int MaxApart = 6;

    /// <summary>Shares differ by less than this by chance, or as some other service does not have the key.</summary>
    public const double MinDifference = 0.05;

    /// <summary>
    /// First the keys of which all spans have a value that is rarer elsewhere, then those of several values, and last
    /// those of which all spans have the same value here and elsewhere.
    /// </summary>
    /// <param name="keys">Each once; of two that tell as much the first is preferred.</param>
    /// <param name="spans">How many spans there are in the sample.</param>
    /// <param name="shareElsewhere">
    /// The share of a key's value of the spans to compare with, from 0 to 1; null when there are none, and keys of few
    /// values are chosen by how many spans have them.
    /// </param>
    public static List<SpanKey> Choose(
        IEnumerable<SampledKey> keys, double spans, Func<SpanKey, ValueCount, double>? shareElsewhere)
    {
        var ranked = keys.Where(key => key.Values.Count > 0).Select(key => (
            key.Key,
            IsOfAll: key.Values[0].Spans >= spans * (1 - 1e-9),
            Difference: shareElsewhere is null || key.IsUnique ? 0 : key.Values.Max(value =>
                Math.Max(0, (value.Spans / spans) - shareElsewhere(key.Key, value))),
            key.Distinct, key.Spans, key.IsUnique)).ToList();
        var clues = ranked.Where(key => key.IsOfAll && key.Difference >= MinDifference)
            .OrderByDescending(key => key.Difference)
            .Take(MaxChosen - MaxApart)
            .Select(key => key.Key);
        var apart = ranked
            .Where(key => !key.IsOfAll && (key.Distinct <= MaxTellingValues || key.Difference >= MinDifference))
            .OrderBy(key => key.IsUnique).ThenByDescending(key => key.Difference).ThenByDescending(key => key.Spans)
            .Take(MaxApart)
            .Select(key => key.Key);
        var constants = ranked.Where(key => key.IsOfAll && key.Difference < MinDifference).Select(key => key.Key);
        return [.. clues.Concat(apart).Concat(constants).Take(MaxChosen)];
    }
}
