namespace Tracing.Storage;

/// <summary>
/// What was found lately by two names and a number, so that names are not hashed as a whole for each span. Each has one
/// place, where the latest comer stays: names made to collide are only looked for anew. Takes no time to find whose
/// names are the same objects, as they are within a request.
/// </summary>
sealed class NearNames<T> where T : class
{
    const int Places = 1024;

    readonly (string? First, string Second, int Number, T Value)[] _places =
        new (string?, string, int, T)[Places];

    public T? Find(string first, string second, int number)
    {
        ref readonly var place = ref _places[PlaceOf(first, second, number)];
        return place.First is { } known && place.Number == number && second == place.Second && first == known
            ? place.Value
            : null;
    }

    /// <summary>Long names are looked for anew each time, rather than kept.</summary>
    public void Remember(string first, string second, int number, T value)
    {
        if (first.Length <= SeriesNames.MaxLength && second.Length <= SeriesNames.MaxLength)
            _places[PlaceOf(first, second, number)] = (first, second, number, value);
    }

    public void Clear() => Array.Clear(_places);

    /// <summary>By length, beginning, middle and end.</summary>
    static int PlaceOf(string first, string second, int number)
    {
        unchecked
        {
            var hash = ((Some(first) * 31) + Some(second) + (uint)number) * 0x9e37_79b1;
            return (int)(hash >> 16) & (Places - 1);
        }
    }

    static uint Some(string name) => name.Length == 0 ? 0 : unchecked(
        (((((uint)name.Length * 31) + name[0]) * 31) + name[name.Length / 2]) * 31 +
        name[^1] + ((uint)name[name.Length * 3 / 4] << 7) + ((uint)name[name.Length / 4] << 11));
}
