using System.Runtime.InteropServices;
using Tracing.Storage.Tables;

namespace Tracing.Storage.Engine;

/// <summary>
/// The rows of latencies by minute, hour and day, of each section one; each begins with the number of the flush that
/// changed it last. The rows of a time are changed together, and only where nobody has since they were read.
/// </summary>
sealed class StatisticsRows(ITables tables, EngineOptions options, TimeProvider time)
{
    const int MinutesOfHour = LevelRanges.MinutesOfHour;
    const int MinutesOfDay = LevelRanges.MinutesOfDay;

    /// <summary>What the key of a time's number begins with; sections begin with more.</summary>
    const byte NumberOfTime = 0;

    /// <summary>Times whose rows are changed at once.</summary>
    const int TimesAtOnce = 8;

    /// <summary>The same where it is this process that does all the work, beside the intake.</summary>
    const int TimesAtOnceHere = 2;

    /// <summary>The levels of rows: their minutes, and the minutes of a partition of the table.</summary>
    static readonly (int Minutes, int Part)[] _levels =
        [(1, MinutesOfHour), (MinutesOfHour, MinutesOfDay), (MinutesOfDay, 32 * MinutesOfDay)];

    /// <summary>Minutes of a row.</summary>
    public static int MinutesOf(int level) => _levels[level].Minutes;

    /// <summary>
    /// How far the levels reach: each has all that is counted, until its rows end by their time to live.
    /// </summary>
    public LevelRanges Ranges()
    {
        var now = Now();
        return new LevelRanges(long.MaxValue, long.MaxValue, From(options.Retention, MinutesOfHour),
            From(options.HoursRetention, MinutesOfDay), From(options.DaysRetention, MinutesOfDay));

        long From(TimeSpan kept, int minutes) => LevelRanges.Ceiling(now - (long)kept.TotalMinutes, minutes);
    }

    /// <summary>The rows of the sections that a query asks for, with the numbers of their last flushes.</summary>
    public async Task<List<(Section Section, long Time, long Number, ReadOnlyMemory<byte> Points)>> ReadAsync(
        int level, long from, long to, SeriesQuery query, CancellationToken cancellation)
    {
        var part = _levels[level].Part;
        var all = new List<long>();
        var now = Now();
        // nothing is kept for longer, and a window may be of any length
        var oldest = now - (long)KeptFor(level).TotalMinutes - (2 * part);
        for (var at = Math.Max(LevelRanges.Floor(from, part), LevelRanges.Floor(oldest, part));
            at < to && at <= now + (10 * MinutesOfDay); at += part)
            all.Add(at);
        var keys = Section.Of(query) is { } section
            ? (From: section.KeyAt(from), To: section.KeyAt(to))
            : Section.KeysOf(query.Level);
        var parts = await Rows.ForAllAsync(all, start => tables.ScanAsync(
            Table.Latencies, PartitionOf(level, start), keys.From, keys.To, cancellation: cancellation).AsTask(),
            cancellation);
        var rows = new List<(Section, long, long, ReadOnlyMemory<byte>)>();
        foreach (var row in parts.SelectMany(each => each))
        {
            var (of, at) = Section.At(row.Key);
            if (at < from || at >= to)
                continue;
            var (number, points) = Read(row.Value);
            rows.Add((of, at, number, points));
        }
        return rows;
    }

    /// <summary>Adds what was counted to the rows that do not have it yet.</summary>
    /// <param name="counted">By series, those of one by time; nobody changes it any more.</param>
    public async Task AddAsync(long number, List<SeriesCounts> counted, CancellationToken cancellation)
    {
        for (var level = 0; level < _levels.Length; level++)
        {
            if (level > 0)
                counted = Merge(counted, _levels[level].Minutes);
            var times = counted.GroupBy(each => each.Minute).ToList();
            var of = level;
            await Rows.ForAllAsync(times, async each =>
            {
                var sections = each.GroupBy(point => Section.Of(point.Series))
                    .Select(section => (section.Key, section.ToList())).ToList();
                while (!await TryAddAsync(of, each.Key, number, sections, cancellation))
                    continue;
                return true;
            }, cancellation, tables.IsShared ? TimesAtOnce : TimesAtOnceHere);
        }
    }

    /// <summary>False when somebody else has added to the same time meanwhile.</summary>
    async Task<bool> TryAddAsync(int level, long at, long number,
        List<(Section Section, List<SeriesCounts> Points)> sections, CancellationToken cancellation)
    {
        // off the thread of who asks, which has other times to look after
        await Task.Yield();
        var partition = PartitionOf(level, at);
        var numberKey = Keys.OfKind(NumberOfTime, at);
        var before = await tables.GetAsync(Table.Latencies, partition, numberKey, cancellation);
        if (before is { } row && Read(row.Value).Number >= number)
            return true;
        // read after the number: who changes a section changes that too
        var rows = new Row[sections.Count];
        for (var i = 0; i < rows.Length; i++)
        {
            var key = sections[i].Section.KeyAt(at);
            var points = sections[i].Points;
            if (await tables.GetAsync(Table.Latencies, partition, key, cancellation) is { } had)
            {
                points = [.. points];
                PointsCodec.Decode(Read(had.Value).Points, _ => true, points.Add);
                points = Merge(points, _levels[level].Minutes);
            }
            rows[i] = new Row(Table.Latencies, partition, key,
                Write(number, PointsCodec.Encode(points, isTransient: false,
                    // those of calls are asked for by the hour at the finest
                    withExemplars: level > 0 || sections[i].Section.Level != SeriesLevel.ServiceEdge)),
                KeptFor(level));
        }
        var result = await tables.CompareAndSetAsync(
            new(Table.Latencies, partition, numberKey, Write(number, []), KeptFor(level)), before?.Version ?? 0, rows,
            cancellation);
        return result.IsSet;
    }

    /// <summary>One for each series and longer time, by series.</summary>
    static List<SeriesCounts> Merge(List<SeriesCounts> counted, int minutes)
    {
        var merged = new Dictionary<(Series, long), LatencyCounts>();
        foreach (var (series, minute, counts) in counted)
        {
            (CollectionsMarshal.GetValueRefOrAddDefault(merged, (series, LevelRanges.Floor(minute, minutes)), out _)
                ??= new LatencyCounts()).Add(counts);
        }
        return [.. merged.OrderBy(each => each.Key.Item1, Series.Order).ThenBy(each => each.Key.Item2)
            .Select(each => new SeriesCounts(each.Key.Item1, each.Key.Item2, each.Value))];
    }

    TimeSpan KeptFor(int level) => level switch
    {
        LevelRanges.Minutes => options.Retention,
        LevelRanges.Hours => options.HoursRetention,
        _ => options.DaysRetention,
    };

    long Now() => time.GetUtcNow().ToUnixTimeSeconds() / 60;

    static byte[] PartitionOf(int level, long at)
    {
        var part = _levels[level].Part;
        return Keys.OfKind((byte)level, LevelRanges.Floor(at, part) / part);
    }

    static byte[] Write(long number, byte[] points)
    {
        var value = new ByteWriter();
        value.Write((ulong)number);
        value.Append(points);
        return value.Written.ToArray();
    }

    static (long Number, ReadOnlyMemory<byte> Points) Read(byte[] row)
    {
        var value = new ByteReader(row);
        var number = (long)value.ReadUInt64();
        return (number, row.AsMemory(value.Position));
    }
}
