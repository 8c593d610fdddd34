using System.Globalization;
using DuckDB.NET.Data;
using Tracing.Model;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// The latencies of partitions that are closed, in a file of its own, which outlives their spans. What is counted of
/// partitions comes in one transaction with their numbers, so that each counts once. One thread writes, any reads.
/// </summary>
/// <remarks>
/// A minute of a series may have several rows, as spans come late. When an hour is over, its minutes are merged to an
/// hour too, and the hours of a day to a day; what comes for them later is added to both. So time that is merged has
/// the same counts in each table, and the finer ones can go when they are old.
/// </remarks>
sealed class StatisticsFile : IDisposable
{
    public const int MinutesOfHour = LevelRanges.MinutesOfHour;
    public const int MinutesOfDay = LevelRanges.MinutesOfDay;

    const string Database = "statistics";

    /// <summary>Numbers that stand in a statement one by one.</summary>
    const int MaxConstants = 500;

    const int Version = 2;

    readonly DuckDBConnection _connection;
    readonly StatisticsRows _rows;
    readonly StatisticsCache _cache = new();
    readonly string _path;
    LevelRanges _marks;

    StatisticsFile(DuckDBConnection connection, string path)
    {
        _path = path;
        _connection = connection;
        _marks = StatisticsMarks.Read(connection, Database);
        _rows = new StatisticsRows(connection, Database);
        LastAbsorbed = Convert.ToInt32(
            connection.Scalar($"SELECT coalesce(max(number), 0) FROM {Database}.absorbed"),
            CultureInfo.InvariantCulture);
    }

    /// <summary>The highest number of a partition that was counted; 0 when there is none.</summary>
    public int LastAbsorbed { get; private set; }

    /// <summary>All series that are stored, for the bounds on their names.</summary>
    public IEnumerable<Series> Series => _rows.Series;

    /// <param name="connection">Its own, which it disposes.</param>
    /// <param name="path">Of the file, which is made when absent.</param>
    public static StatisticsFile Open(DuckDBConnection connection, string path)
    {
        try
        {
            StoreFolder.Attach(connection, path, Database, blockKiB: 64);
            if (!Schema.IsCreated(connection, Database))
                Create(connection);
            var version = Schema.ReadMeta(connection, Database, "format_version");
            if (version == "1")
                version = Upgrade(connection);
            if (version != Version.ToString(CultureInfo.InvariantCulture))
                throw new StoreUnusableException($"{path} has format version {version}; this server reads {Version}.");
            return new StatisticsFile(connection, path);
        }
        catch
        {
            connection.Execute($"DETACH DATABASE IF EXISTS {Database}");
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Which of these partitions are counted here.</summary>
    public static HashSet<int> Absorbed(DuckDBConnection connection, IEnumerable<int> numbers)
    {
        using var command = connection.Command(
            $"SELECT number FROM {Database}.absorbed WHERE number IN (SELECT unnest($1::INTEGER[]))",
            numbers.ToList());
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        var found = new HashSet<int>();
        while (row.Read())
            found.Add(row.Next<int>());
        return found;
    }

    /// <summary>Stores what was counted of partitions, which are closed.</summary>
    public void Absorb(IReadOnlyList<int> numbers, IReadOnlyList<SpanStatistics> counted)
    {
        var firstMinute = counted.SelectMany(each => each.All()).SelectMany(series => series.All)
            .Min(point => (long?)point.Key) ?? long.MaxValue;
        _cache.Change(ReadVersion(_connection) + numbers.Count, firstMinute);
        InTransaction(() =>
        {
            var hours = new SeriesPoints(MinutesOfHour, 0, withExemplars: true);
            var days = new SeriesPoints(MinutesOfDay, 0, withExemplars: true);
            foreach (var series in counted.SelectMany(each => each.All()))
            {
                _rows.Append("minutes", series);
                hours.Add(series, long.MinValue, _marks.HoursUntil);
                days.Add(series, long.MinValue, _marks.DaysUntil);
            }
            _rows.Append("hours", hours.ToList());
            _rows.Append("days", days.ToList());
            foreach (var number in numbers)
                _connection.Execute($"INSERT INTO {Database}.absorbed VALUES ($1)", number);
        });
        LastAbsorbed = Math.Max(LastAbsorbed, numbers.Max());
    }

    /// <summary>Merges the minutes of hours that are over, and the hours of days; drops what is old.</summary>
    /// <param name="nowMinute">The present, in minutes since 1970.</param>
    /// <param name="keep">Minutes that single minutes, hours and days are kept.</param>
    public void Merge(long nowMinute, (long Minutes, long Hours, long Days) keep)
    {
        var marks = _marks.MovedTo(nowMinute, keep);
        if (marks == _marks)
            return;
        InTransaction(() =>
        {
            _rows.Merge("minutes", "hours", _marks.HoursUntil, marks.HoursUntil, MinutesOfHour);
            _rows.Merge("hours", "days", _marks.DaysUntil, marks.DaysUntil, MinutesOfDay);
            _connection.Execute($"DELETE FROM {Database}.minutes WHERE minute < $1", marks.MinutesFrom);
            _connection.Execute($"DELETE FROM {Database}.hours WHERE minute < $1", marks.HoursFrom);
            _connection.Execute($"DELETE FROM {Database}.days WHERE minute < $1", marks.DaysFrom);
            StatisticsMarks.Write(_connection, Database, marks);
        });
        _marks = marks;
    }

    /// <summary>
    /// Writes the log into the file when it is long, as a start replays it, and nothing else ever empties it. False
    /// when somebody is in the way; the next time will do.
    /// </summary>
    public bool TryShortenLog()
    {
        const long LongBytes = 4 << 20;
        if (PartitionFiles.LengthOf(_path) - new FileInfo(_path).Length < LongBytes)
            return true;
        try
        {
            _connection.Execute($"CHECKPOINT {Database}");
            return true;
        }
        catch (DuckDBException exception) when (!Damage.Is(exception))
        {
            return false;
        }
    }

    /// <summary>
    /// Adds the points of the series that a query asks for; from hours and days where its steps allow it, so that few
    /// are read, and where there is nothing finer.
    /// </summary>
    /// <param name="connection">With a transaction, so that all is read of one version.</param>
    public void Read(DuckDBConnection connection, SeriesQuery query, SeriesPoints points)
    {
        var version = ReadVersion(connection);
        foreach (var (level, from, to) in StatisticsMarks.Read(connection, Database).Parts(query))
        {
            var table = StatisticsRows.Tables[level];
            var part = query with { StartMinute = from, EndMinute = to };
            if (_cache.Find(table, part, version) is not { } found)
                _cache.Keep(table, part, version, found = ReadPart(connection, table, part));
            // one point for all time begins where the query does, and not the part
            found.ForEach(point =>
                points.Add(query.StepMinutes == 0 ? point with { Minute = query.StartMinute } : point));
        }
    }

    static List<SeriesPoint> ReadPart(DuckDBConnection connection, string table, SeriesQuery part)
    {
        var series = ReadSeries(connection, part);
        if (series.Count == 0)
            return [];
        var points = new SeriesPoints(part.StepMinutes, part.StartMinute, part.WithExemplars);
        // By number rather than by a join: series of a level are numbered, and written, side by side, so that DuckDB
        // need not read the rows of others.
        var parameters = new SqlParameters();
        var isWanted = $"series >= {series.Keys.Min()} AND series <= {series.Keys.Max()} AND series IN " +
            (series.Count <= MaxConstants
                ? $"({string.Join(", ", series.Keys)})"
                : $"(SELECT unnest({parameters.Bind(series.Keys.ToList())}::INTEGER[]))");
        using var command = parameters.Command(connection,
            $"SELECT series, minute, latencies, is_estimated{(part.WithExemplars ? ", exemplars" : "")} " +
            $"FROM {Database}.{table} WHERE minute >= {parameters.Bind(part.StartMinute)} " +
            $"AND minute < {parameters.Bind(part.EndMinute)} AND {isWanted}");
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        var into = series.ToDictionary(each => each.Key, each => points.Of(each.Value));
        while (row.Read())
        {
            var point = into[row.Next<int>()].At(points.StepOf(row.Next<long>()));
            StatisticsRows.AddTo(point, row, part.WithExemplars);
        }
        return points.ToList();
    }

    /// <summary>How many partitions were absorbed.</summary>
    static long ReadVersion(DuckDBConnection connection) =>
        (long)connection.Scalar($"SELECT count(*) FROM {Database}.absorbed")!;

    static Dictionary<int, Series> ReadSeries(DuckDBConnection connection, SeriesQuery query)
    {
        var parameters = new SqlParameters();
        using var command = parameters.Command(connection,
            $"SELECT id, {StatisticsRows.SeriesColumns} FROM {Database}.series WHERE {Condition(parameters, query)}");
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        var series = new Dictionary<int, Series>();
        while (row.Read())
            series.Add(row.Next<int>(), StatisticsRows.ReadSeries(row));
        return series;
    }

    /// <summary>The traces that are exemplars of operations by the hour, by the low halves of their ids.</summary>
    public static HashSet<ulong> ReadExemplars(DuckDBConnection connection, long startMinute, long endMinute)
    {
        var query = new SeriesQuery
        {
            Level = SeriesLevel.Operation,
            StartMinute = LevelRanges.Floor(startMinute, MinutesOfHour),
            EndMinute = endMinute + MinutesOfHour,
            StepMinutes = MinutesOfHour,
            WithExemplars = true,
        };
        return StatisticsMarks.Read(connection, Database).Parts(query)
            .SelectMany(part => ReadPart(
                connection, StatisticsRows.Tables[part.Level],
                query with { StartMinute = part.From, EndMinute = part.To }))
            .SelectMany(point => point.Exemplars!.Values)
            .Select(exemplar => exemplar.Trace.Low).ToHashSet(SeededHash.Comparer);
    }

    public void Dispose()
    {
        _rows.Dispose();
        _connection.Dispose();
    }

    static string Condition(SqlParameters parameters, SeriesQuery query)
    {
        var terms = new List<string>
        {
            $"level = {(int)query.Level}", $"source = {(int)query.Source}",
        };
        void Add(string column, string? wanted)
        {
            if (wanted is not null)
                terms.Add($"{column} = {parameters.BindText(wanted)}");
        }
        Add("service", query.Service);
        Add("operation", query.Operation);
        Add("peer", query.Peer);
        Add("peer_operation", query.PeerOperation);
        if (query.Kind is { } kind)
            terms.Add($"kind = {(int)kind}");
        return string.Join(" AND ", terms);
    }

    static void Create(DuckDBConnection connection)
    {
        connection.Execute("BEGIN TRANSACTION");
        try
        {
            var points = string.Join("\n", StatisticsRows.Tables.Select(table => $"""
                CREATE TABLE {Database}.{table} (
                    minute BIGINT,          -- the first, since 1970
                    series INTEGER,
                    latencies BLOB,         -- as LatencyHistogram encodes them
                    is_estimated BOOLEAN,
                    exemplars BLOB          -- as StatisticsRows encodes them
                );
                """));
            connection.Execute($"""
                CREATE TABLE {Database}.series (id INTEGER, level UTINYINT, service VARCHAR, operation VARCHAR,
                    kind UTINYINT, is_error BOOLEAN, source UTINYINT, peer VARCHAR, peer_operation VARCHAR,
                    side UTINYINT);
                {points}
                CREATE TABLE {Database}.absorbed (number INTEGER);  -- partitions that are counted here
                CREATE TABLE {Database}.meta (key VARCHAR, value VARCHAR);
                """);
            Schema.WriteMeta(connection, Database, "format_version", Version);
            StatisticsMarks.Write(connection, Database, default);
            connection.Execute("COMMIT");
        }
        catch
        {
            connection.TryRollback();
            throw;
        }
    }

    /// <summary>Makes a file of version 1, whose exemplars were halves of ids, one of version 2 without them.</summary>
    static string Upgrade(DuckDBConnection connection)
    {
        var forget = string.Join("\n", StatisticsRows.Tables.Select(
            table => $"UPDATE {Database}.{table} SET exemplars = ''::BLOB;"));
        connection.Execute($"""
            BEGIN TRANSACTION;
            {forget}
            UPDATE {Database}.meta SET value = '2' WHERE key = 'format_version';
            COMMIT;
            """);
        return "2";
    }

    void InTransaction(Action work)
    {
        _connection.Execute("BEGIN TRANSACTION");
        try
        {
            work();
            _rows.Flush();
            _connection.Execute("COMMIT");
            _rows.Publish();
        }
        catch
        {
            _rows.Discard();
            _connection.TryRollback();
            throw;
        }
    }
}
