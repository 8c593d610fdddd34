using Cassandra;
using Tracing.Model;

namespace Tracing.Storage.Cassandra;

/// <summary>
/// Latencies by series and time. Each group has counted its spans when it is committed; one process at a time, by a
/// lease, adds that up in rows by minute, hour and day, finds the calls between services, and notes how far it is.
/// What is beyond is added when it is read. A row says itself which groups it has, so that none counts twice whoever
/// dies or works at the same time.
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

    readonly Connection _connection;
    readonly Commits _commits;
    readonly Blocks _blocks;
    readonly CassandraStoreOptions _options;
    readonly TimeProvider _time;
    readonly Lease _lease;
    readonly PreparedStatement _selectCounted;
    readonly PreparedStatement _insertCounted;
    readonly PreparedStatement _selectOne;
    readonly PreparedStatement _selectAll;
    readonly PreparedStatement _selectSection;
    readonly PreparedStatement _insert;
    readonly PreparedStatement _update;
    readonly SeriesNames _names = new();
    readonly UncountedSpans _uncounted;
    EdgeLinker? _edges;
    SeenSpans _seen = new();
    int _edgeSpans;

    public Statistics(Connection connection, Commits commits, Blocks blocks, TimeProvider time, long owner,
        UncountedSpans uncounted)
    {
        _uncounted = uncounted;
        _connection = connection;
        _commits = commits;
        _blocks = blocks;
        _options = connection.Options;
        _time = time;
        _lease = new Lease(connection, "counting", owner);
        _selectCounted = connection.Prepare("SELECT writer, stored FROM counted WHERE id = 0");
        _insertCounted = connection.Prepare("INSERT INTO counted (id, writer, stored) VALUES (0, ?, ?) USING TTL ?");
        _selectOne = connection.Prepare(
            "SELECT version, sections, marks FROM latencies WHERE level = ? AND part = ? AND time = ?");
        const string Range = "FROM latencies WHERE level = ? AND part = ? AND time >= ? AND time < ?";
        _selectAll = connection.Prepare($"SELECT marks, time, sections {Range}");
        _selectSection = connection.Prepare($"SELECT marks, time, sections[?] {Range}");
        _insert = connection.Prepare("INSERT INTO latencies (level, part, time, version, sections, marks) " +
            "VALUES (?, ?, ?, 1, ?, ?) IF NOT EXISTS USING TTL ?");
        _update = connection.Prepare("UPDATE latencies USING TTL ? SET version = ?, sections = sections + ?, " +
            "marks = ? WHERE level = ? AND part = ? AND time = ? IF version = ?");
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
            await StoredSpans.RecallAsync(_commits, _blocks, marks, _seen, cancellation);
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
        foreach (var writer in counted.GroupBy(each => each.Writer))
        {
            await _connection.RunAsync(_insertCounted.Bind(writer.Key, writer.Max(each => each.Stored),
                Tables.SecondsOf(_options.DaysRetention)), cancellation);
        }
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
            var inRows = new Dictionary<long, IDictionary<long, long>>();
            foreach (var (sections, rowMarks, time) in await ReadRowsAsync(
                level, from, to, Sections.Of(query), cancellation))
            {
                inRows[time] = rowMarks;
                foreach (var point in sections.SelectMany(
                    section => PointsCodec.Decode(section, IsWanted, query.WithExemplars)))
                    Add(points, point);
            }
            foreach (var commit in commits)
            {
                foreach (var point in PointsCodec.Decode(commit.Points, IsWanted, query.WithExemplars))
                {
                    var time = LevelRanges.Floor(point.Minute, minutes);
                    if (time >= from && time < to && !(inRows.TryGetValue(time, out var has) &&
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

        long From(TimeSpan kept, int minutes) => LevelRanges.Ceiling(now - (Tables.SecondsOf(kept) / 60), minutes);
    }

    /// <param name="section">Null for all.</param>
    async Task<List<(IEnumerable<byte[]> Sections, IDictionary<long, long> Marks, long Time)>> ReadRowsAsync(
        int level, long from, long to, string? section, CancellationToken cancellation)
    {
        var (minutes, part) = _levels[level];
        var all = new List<long>();
        var now = _time.GetUtcNow().ToUnixTimeSeconds() / 60;
        // nothing is kept for longer, and a window may be of any length
        var kept = level switch
        {
            LevelRanges.Minutes => _options.Retention,
            LevelRanges.Hours => _options.HoursRetention,
            _ => _options.DaysRetention,
        };
        var oldest = now - (Tables.SecondsOf(kept) / 60) - (2 * part);
        for (var at = Math.Max(LevelRanges.Floor(from, part), LevelRanges.Floor(oldest, part));
            at < to && at <= now + (10 * MinutesOfDay); at += part)
            all.Add(at / part);
        var rows = await Tables.ForAllAsync(all, number => _connection.ReadAsync(section is null
            ? _selectAll.Bind(level, number, from, to)
            : _selectSection.Bind(section, level, number, from, to), ReadRow, cancellation), cancellation);
        return [.. rows.SelectMany(each => each)];

        (IEnumerable<byte[]>, IDictionary<long, long>, long) ReadRow(Row row) => (section is null
            ? row.GetValue<IDictionary<string, byte[]>>(2)?.Values ?? []
            : row.GetValue<byte[]?>(2) is { } only ? [only] : [],
            row.GetValue<IDictionary<long, long>>(0), row.GetValue<long>(1));
    }

    /// <summary>The last group of each writer of which something is not counted.</summary>
    public async Task<Dictionary<long, long>> ReadUncountedAsync(CancellationToken cancellation) =>
        (await _commits.ReadAsync(await ReadMarksAsync(cancellation), long.MaxValue, cancellation))
        .GroupBy(commit => commit.Writer)
        .ToDictionary(writer => writer.Key, writer => writer.Max(commit => commit.Stored));

    /// <summary>Up to which group of each writer everything is counted.</summary>
    public async Task<Dictionary<long, long>> ReadMarksAsync(CancellationToken cancellation) =>
        (await _connection.ReadAsync(_selectCounted.Bind(),
            row => (row.GetValue<long>(0), row.GetValue<long>(1)), cancellation))
        .ToDictionary(each => each.Item1, each => each.Item2);

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
                Span[] spans = [.. Enumerable.Range(0, block.Count).Select(block.ToSpan)];
                _edges!.Add(spans, statistics);
                _edgeSpans += block.Count;
                stored.AddRange(spans.Select((span, i) =>
                    (SpanPlace.Of(id, block, i), span, block.IsRepeat(i), block.IsCorrection(i))));
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
        await Tables.ForAllAsync([.. times], async time =>
        {
            while (!await TryAddAsync(level, time, counted, cancellation))
                continue;
            return true;
        }, cancellation);
    }

    /// <summary>False when somebody else has changed the row meanwhile.</summary>
    async Task<bool> TryAddAsync(int level, long time, List<Counted> counted, CancellationToken cancellation)
    {
        var (minutes, part) = _levels[level];
        var row = (await _connection.RunAsync(
            _selectOne.Bind(level, LevelRanges.Floor(time, part) / part, time), cancellation)).FirstOrDefault();
        var marks = row?.GetValue<IDictionary<long, long>>("marks") is { } had
            ? new Dictionary<long, long>(had)
            : [];
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
        var before = row?.GetValue<IDictionary<string, byte[]>>("sections") ?? new Dictionary<string, byte[]>();
        var sections = Sections.Merge(before, points, minutes);
        var ttl = Tables.SecondsOf(level switch
        {
            0 => _options.Retention,
            1 => _options.HoursRetention,
            _ => _options.DaysRetention,
        });
        var version = row?.GetValue<long>("version") ?? 0;
        var statement = row is null
            ? _insert.Bind(level, LevelRanges.Floor(time, part) / part, time, sections, marks, ttl)
            : _update.Bind(
                ttl, version + 1, sections, marks, level, LevelRanges.Floor(time, part) / part, time, version);
        var answer = (await _connection.RunAsync(statement, cancellation)).First();
        return answer.GetValue<bool>("[applied]");
    }

    /// <summary>What a group counts.</summary>
    sealed record Counted(long Writer, long Stored, List<SeriesPoint> Points);
}
