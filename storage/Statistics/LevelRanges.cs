namespace Tracing.Storage;

/// <summary>
/// How far counts reach by the minute, hour and day; all in minutes since 1970. From these it is cut which level
/// serves which time.
/// </summary>
/// <param name="HoursUntil">Minutes before it are merged to hours too; a whole hour.</param>
/// <param name="DaysUntil">Hours before it are merged to days too; a whole day.</param>
/// <param name="MinutesFrom">Single minutes before it are gone; a whole hour.</param>
/// <param name="HoursFrom">Hours before it are gone; a whole day.</param>
/// <param name="DaysFrom">Days before it are gone; a whole day.</param>
readonly record struct LevelRanges(
    long HoursUntil, long DaysUntil, long MinutesFrom, long HoursFrom, long DaysFrom)
{
    public const int Minutes = 0;
    public const int Hours = 1;
    public const int Days = 2;

    public const int MinutesOfHour = 60;
    public const int MinutesOfDay = 1440;

    /// <summary>
    /// Which level serves which time, without overlap and without a gap: the finest that there is, but a coarser one
    /// where steps are made of its rows. A row that lies across the start counts whole where nothing finer is left.
    /// </summary>
    public List<(int Level, long From, long To)> Parts(SeriesQuery query)
    {
        var parts = new List<(int, long, long)>();
        // each may be kept for longer than the next coarser one
        var minutes = MinutesFrom;
        if (HoursFrom >= MinutesFrom && DaysFrom <= Floor(MinutesFrom, MinutesOfDay))
        {
            // there are no hours between days and minutes: the day that minutes begin in is there as a whole
            minutes = Ceiling(MinutesFrom, MinutesOfDay);
        }
        var hours = Math.Min(HoursFrom, minutes);
        var days = Math.Min(DaysFrom, hours);
        Cover(parts, query, Math.Max(query.StartMinute, days), Math.Min(query.EndMinute, hours), Days);
        Cover(parts, query, Math.Max(query.StartMinute, hours), Math.Min(query.EndMinute, minutes), Hours);
        Cover(parts, query, Math.Max(query.StartMinute, minutes), query.EndMinute, Minutes);
        return parts;
    }

    /// <summary>How far they reach later, when what is over is merged and what is old is dropped.</summary>
    /// <param name="nowMinute">The present, in minutes since 1970.</param>
    /// <param name="keep">Minutes that single minutes, hours and days are kept.</param>
    public LevelRanges MovedTo(long nowMinute, (long Minutes, long Hours, long Days) keep)
    {
        // spans come when they end; those of the last minutes mostly are to come yet
        const int Late = 10;
        var hoursUntil = Math.Max(HoursUntil, Floor(nowMinute - Late, MinutesOfHour));
        var daysUntil = Math.Max(DaysUntil, Floor(nowMinute - Late, MinutesOfDay));
        // what is not merged to anything longer yet stays
        return new LevelRanges(hoursUntil, daysUntil,
            Math.Max(MinutesFrom, Math.Min(Floor(nowMinute - keep.Minutes, MinutesOfHour), hoursUntil)),
            Math.Max(HoursFrom, Math.Min(Floor(nowMinute - keep.Hours, MinutesOfDay), daysUntil)),
            Math.Max(DaysFrom, Floor(nowMinute - keep.Days, MinutesOfDay)));
    }

    public static long Floor(long minute, int minutes) => minute - (((minute % minutes) + minutes) % minutes);

    public static long Ceiling(long minute, int minutes) => Floor(minute + minutes - 1, minutes);

    /// <summary>The coarsest that is allowed in the middle, finer ones at both ends.</summary>
    void Cover(List<(int, long, long)> parts, SeriesQuery query, long start, long end, int finest)
    {
        var ranges = this;
        Cover(Days, start, end);

        void Cover(int level, long from, long to)
        {
            if (from >= to)
                return;
            var minutes = level switch { Days => MinutesOfDay, Hours => MinutesOfHour, _ => 1 };
            if (level == finest)
            {
                parts.Add((level, Floor(from, minutes), to));
                return;
            }
            var (there, until) = level == Days
                ? (ranges.DaysFrom, ranges.DaysUntil)
                : (ranges.HoursFrom, ranges.HoursUntil);
            var first = Math.Max(Ceiling(from, minutes), there);
            var last = Floor(Math.Min(to, until), minutes);
            if (query.StepMinutes % minutes != 0 || first >= last)
            {
                Cover(level - 1, from, to);
                return;
            }
            Cover(level - 1, from, first);
            parts.Add((level, first, last));
            Cover(level - 1, last, to);
        }
    }
}
