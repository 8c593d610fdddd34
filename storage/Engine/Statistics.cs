using Tracing.Model;
using Tracing.Storage.Blocks;
using Tracing.Storage.Tables;

namespace Tracing.Storage.Engine;

/// <summary>
/// Latencies by series and time. Each group has counted its spans when it is committed; one process at a time, by a
/// lease, adds that up in rows by minute, hour and day, finds the calls between services, and notes how far it is.
/// What is beyond is added when it is read. The rows of a time are changed together, and only where nobody has since
/// they were read; each says itself which groups it has. So none counts twice, whoever dies or works at the same time.
/// </summary>
sealed class Statistics
{
    const int MinutesOfHour = LevelRanges.MinutesOfHour;
    const int MinutesOfDay = LevelRanges.MinutesOfDay;

    /// <summary>Bytes of points added up at once, which bounds the memory: they take a hundred times that.</summary>
    const int MaxPointBytes = 1 << 20;

    /// <summary>After so many spans the linker forgets the oldest, as a partition of the embedded store does.</summary>
    const int EdgeSpans = 300_000;

    /// <summary>
    /// In the marks: for the calls between services. Writers are never 0. It grows with each time that some are added,
    /// also when the clocks of writers differ.
    /// </summary>
    const long EdgesMark = 0;

    /// <summary>What the key of a time's marks begins with; sections begin with more.</summary>
    const byte MarksOfTime = 0;

    readonly ITables _tables;
    readonly Commits _commits;
    readonly Slices _slices;
    readonly SliceBlocks _sliceBlocks;
    readonly Blocks _blocks;
    readonly EngineOptions _options;
    readonly TimeProvider _time;
    readonly Lease _lease;
    readonly SeriesNames _names = new();
    readonly UncountedSpans _uncounted;
    EdgeLinker? _edges;
    SeenSpans _seen = new();
    int _edgeSpans;

    public Statistics(ITables tables, Commits commits, Slices slices, SliceBlocks sliceBlocks, Blocks blocks, EngineOptions options, TimeProvider time,
        long owner, UncountedSpans uncounted)
    {
        _uncounted = uncounted;
        _tables = tables;
        _commits = commits;
        _slices = slices;
        _sliceBlocks = sliceBlocks;
        _blocks = blocks;
        _options = options;
        _time = time;
        _lease = new Lease(tables, "counting", owner);
    }

    /// <summary>The levels of rows: their minutes, and the minutes of a partition of the table.</summary>
    static readonly (int Minutes, int Part)[] _levels =
        [(1, MinutesOfHour), (MinutesOfHour, MinutesOfDay), (MinutesOfDay, 32 * MinutesOfDay)];

    /// <summary>Adds up what was committed since, if this process has the lease; true if there was something.</summary>
    public async Task<bool> CountAsync(CancellationToken cancellation)
    {
        if (!await _lease.HasAsync())
        {
            // whoever has it goes on alone
            _edges = null;
            return false;
        }
        var marks = await ReadMarksAsync(cancellation);
        var commits = await _commits.ReadAsync(marks, MaxPointBytes, cancellation);
        if (commits.Count == 0 && _edges is not { HasUnsettled: true })
            return false;
        var left = (long)MaxPointBytes;
        var some = commits.TakeWhile(commit => (left -= commit.Points.Length) >= 0 || commit == commits[0])
            .ToList();
        if (_edges is null)
        {
            _seen = new SeenSpans();
            await StoredSpans.RecallAsync(_commits, _slices, _sliceBlocks, _blocks, marks, _seen, cancellation);
            _edges = new EdgeLinker(_names);
        }
        // of an attempt that failed
        _seen.Discard();
        var counted = some.ConvertAll(commit => new Counted(
            commit.Writer, commit.Stored, PointsCodec.Decode(commit.Points, _ => true, withExemplars: true)));
        var edgesMark = Math.Max(
            some.Select(commit => commit.Stored).LastOrDefault(), marks.GetValueOrDefault(EdgesMark) + 1);
        counted.Add(new Counted(EdgesMark, edgesMark, await LinkAsync(some, counted, cancellation)));
        for (var level = 0; level < _levels.Length; level++)
            await AddAsync(level, counted, cancellation);
        await _tables.PutAsync([.. counted.GroupBy(each => each.Writer).Select(writer => new Row(Table.State,
            Rows.Partition(StateKind.Counted), Keys.Of(writer.Key), Keys.Of(writer.Max(each => each.Stored)),
            _options.DaysRetention))], cancellation: cancellation);
        _seen.Publish();
        return some.Count > 0;
    }

    public async Task<IReadOnlyList<SeriesPoint>> ReadAsync(SeriesQuery query, CancellationToken cancellation)
    {
        var points = new SeriesPoints(query.StepMinutes, query.StartMinute, query.WithExemplars);
        bool IsWanted(Series series) => query.Wants(series);
        var now = _time.GetUtcNow().ToUnixTimeSeconds() / 60;

        // in this order: what is counted meanwhile is known by the marks of the rows
        var marks = await ReadMarksAsync(cancellation);
        var commits = await _commits.ReadAsync(marks, long.MaxValue, cancellation);
        foreach (var (level, from, to) in Ranges(now).Parts(query))
        {
            var minutes = _levels[level].Minutes;
            var inRows = new Dictionary<(Section, long), Dictionary<long, long>>();
            foreach (var row in await ReadRowsAsync(level, from, to, query, cancellation))
            {
                var (section, time) = Section.At(row.Key);
                var (rowMarks, data) = ReadMarks(row.Value);
                inRows[(section, time)] = rowMarks;
                foreach (var point in PointsCodec.Decode(data, IsWanted, query.WithExemplars))
                    Add(points, point);
            }
            foreach (var commit in commits)
            {
                foreach (var point in PointsCodec.Decode(commit.Points, IsWanted, query.WithExemplars))
                {
                    var time = LevelRanges.Floor(point.Minute, minutes);
                    if (time >= from && time < to &&
                        !(inRows.TryGetValue((Section.Of(point.Series), time), out var has) &&
                        has.TryGetValue(commit.Writer, out var mark) && mark >= commit.Stored))
                        Add(points, point);
                }
            }
        }
        return query.Answer(points);
    }

    static void Add(SeriesPoints points, SeriesPoint point) =>
        points.Of(point.Series).At(points.StepOf(point.Minute)).Add(point);

    /// <summary>
    /// How far the levels reach: each has all that is counted, until its rows end by their time to live.
    /// </summary>
    LevelRanges Ranges(long now)
    {
        return new LevelRanges(long.MaxValue, long.MaxValue, From(_options.Retention, MinutesOfHour),
            From(_options.HoursRetention, MinutesOfDay), From(_options.DaysRetention, MinutesOfDay));

        long From(TimeSpan kept, int minutes) => LevelRanges.Ceiling(now - (long)kept.TotalMinutes, minutes);
    }

    /// <summary>The rows of the sections that a query asks for.</summary>
    async Task<IEnumerable<Entry>> ReadRowsAsync(
        int level, long from, long to, SeriesQuery query, CancellationToken cancellation)
    {
        var part = _levels[level].Part;
        var all = new List<long>();
        var now = _time.GetUtcNow().ToUnixTimeSeconds() / 60;
        // nothing is kept for longer, and a window may be of any length
        var oldest = now - (long)KeptFor(level).TotalMinutes - (2 * part);
        for (var at = Math.Max(LevelRanges.Floor(from, part), LevelRanges.Floor(oldest, part));
            at < to && at <= now + (10 * MinutesOfDay); at += part)
            all.Add(at);
        var keys = Section.Of(query) is { } section
            ? (From: section.KeyAt(from), To: section.KeyAt(to))
            : Section.KeysOf(query.Level);
        var rows = await Rows.ForAllAsync(all, time => _tables.ScanAsync(
            Table.Latencies, PartitionOf(level, time), keys.From, keys.To, cancellation: cancellation).AsTask(),
            cancellation);
        return rows.SelectMany(each => each)
            .Where(row => Section.At(row.Key).Time is var time && time >= from && time < to);
    }

    /// <summary>The last group of each writer of which something is not counted.</summary>
    public async Task<Dictionary<long, long>> ReadUncountedAsync(CancellationToken cancellation) =>
        (await _commits.ReadAsync(await ReadMarksAsync(cancellation), long.MaxValue, cancellation))
        .GroupBy(commit => commit.Writer)
        .ToDictionary(writer => writer.Key, writer => writer.Max(commit => commit.Stored));

    /// <summary>Up to which group of each writer everything is counted.</summary>
    public async Task<Dictionary<long, long>> ReadMarksAsync(CancellationToken cancellation) =>
        (await _tables.ReadAsync(StateKind.Counted, cancellation))
        .ToDictionary(row => Keys.NumberAt(row.Key, 0), row => Keys.NumberAt(row.Value, 0));

    /// <summary>
    /// Finds the calls that the spans of these groups complete; and the spans that another collector, or a group that
    /// was written at the same time, had stored before, which the group has counted and is taken back here.
    /// </summary>
    async Task<List<SeriesPoint>> LinkAsync(
        List<Commit> commits, List<Counted> counted, CancellationToken cancellation)
    {
        var statistics = new SpanStatistics(_time.GetUtcNow().ToUnixTimeMilliseconds(), _names, _uncounted);
        foreach (var (commit, ofGroup) in commits.Zip(counted))
        {
            var corrections = new GroupCorrections(commit.Stored / 1000, _names);
            var ids = Enumerable.Range(0, commit.Blocks)
                .Select(number => new BlockId(commit.Stored, commit.Writer, number)).ToList();
            var stored = new List<(SpanPlace Place, Span Span, bool IsRepeat, bool IsCorrection)>();
            foreach (var (id, block) in ids.Zip(await _blocks.ReadAsync(ids, cancellation)))
            {
                if (block is null)
                    continue;
                var spans = block.ReadAll();
                _edges!.Add(spans, statistics);
                _edgeSpans += block.Count;
                stored.AddRange(spans.Select((span, i) =>
                    (SpanPlace.Of(id, block, i), span, (block.TemplateOf(i).Flags & SpanFlags.Repeat) != 0,
                        (block.TemplateOf(i).Flags & SpanFlags.Correction) != 0)));
            }
            // reports of one span may be in blocks of several hours
            foreach (var (_, span, isRepeat, isCorrection) in stored.OrderBy(each => each.Place))
                corrections.Add(span, isRepeat, isCorrection, _seen);
            corrections.Apply(ofGroup.Points);
            if (_edgeSpans >= EdgeSpans)
            {
                _edges!.MoveOn(statistics);
                _edgeSpans = 0;
            }
        }
        // those that this did not find when it was here the last time
        _edges!.Settle(statistics);
        return statistics.Points(_ => true, long.MinValue, long.MaxValue);
    }

    async Task AddAsync(int level, List<Counted> counted, CancellationToken cancellation)
    {
        var minutes = _levels[level].Minutes;
        var times = counted
            .SelectMany(each => each.Points.Select(point => LevelRanges.Floor(point.Minute, minutes))).Distinct();
        await Rows.ForAllAsync([.. times], async time =>
        {
            while (!await TryAddAsync(level, time, counted, cancellation))
                continue;
            return true;
        }, cancellation);
    }

    /// <summary>False when somebody else has added to the same time meanwhile.</summary>
    async Task<bool> TryAddAsync(int level, long time, List<Counted> counted, CancellationToken cancellation)
    {
        var minutes = _levels[level].Minutes;
        var partition = PartitionOf(level, time);
        var marksKey = Keys.OfKind(MarksOfTime, time);
        var before = await _tables.GetAsync(Table.Latencies, partition, marksKey, cancellation);
        var marks = before is { } row ? ReadMarks(row.Value).Marks : [];
        var points = new List<SeriesPoint>();
        foreach (var (writer, stored, added) in counted)
        {
            if (marks.TryGetValue(writer, out var mark) && mark >= stored)
                continue;
            var here = added.FindAll(point => LevelRanges.Floor(point.Minute, minutes) == time);
            if (here.Count == 0)
                continue;
            points.AddRange(here);
            marks[writer] = stored;
        }
        if (points.Count == 0)
            return true;
        // read after the marks: who changes a section changes them too
        var sections = await Rows.ForAllAsync([.. points.GroupBy(point => Section.Of(point.Series))], async section =>
        {
            var key = section.Key.KeyAt(time);
            var had = (await _tables.GetAsync(Table.Latencies, partition, key, cancellation))?.Value;
            var all = had is null ? section
                : PointsCodec.Decode(ReadMarks(had).Points, _ => true, withExemplars: true).Concat(section);
            return new Row(Table.Latencies, partition, key,
                Write(marks, PointsCodec.Encode(SeriesPoints.Merge(all, minutes))), KeptFor(level));
        }, cancellation);
        var result = await _tables.CompareAndSetAsync(
            new(Table.Latencies, partition, marksKey, Write(marks, []), KeptFor(level)), before?.Version ?? 0, sections,
            cancellation);
        return result.IsSet;
    }

    TimeSpan KeptFor(int level) => level switch
    {
        LevelRanges.Minutes => _options.Retention,
        LevelRanges.Hours => _options.HoursRetention,
        _ => _options.DaysRetention,
    };

    static byte[] PartitionOf(int level, long time)
    {
        var part = _levels[level].Part;
        return Keys.OfKind((byte)level, LevelRanges.Floor(time, part) / part);
    }

    static byte[] Write(Dictionary<long, long> marks, byte[] points)
    {
        var value = new ByteWriter();
        value.Write(marks.Count);
        foreach (var (writer, stored) in marks)
        {
            value.WriteFixed((ulong)writer);
            value.WriteFixed((ulong)stored);
        }
        value.Append(points);
        return value.Written.ToArray();
    }

    static (Dictionary<long, long> Marks, ReadOnlyMemory<byte> Points) ReadMarks(byte[] row)
    {
        var value = new ByteReader(row);
        var marks = new Dictionary<long, long>();
        for (var left = value.ReadCount(); left > 0; left--)
            marks.Add((long)value.ReadFixed(), (long)value.ReadFixed());
        return (marks, row.AsMemory(value.Position));
    }

    /// <summary>What a group counts.</summary>
    sealed record Counted(long Writer, long Stored, List<SeriesPoint> Points);
}
