using DuckDB.NET.Data;
using Microsoft.Extensions.Logging;
using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// The writer's side of all tables, and what of them is kept in memory. Appends to one partition until that is full or
/// old, then to a new one, while the sealer takes the old. One thread writes; readers use the names.
/// </summary>
sealed class StoreTables : IDisposable
{
    /// <summary>More partitions than this may not wait for the sealer; the append partition grows instead.</summary>
    const int MaxUnsealed = 2;

    /// <summary>
    /// The first partition of a store knows nothing of its attributes, so all are in its MAP; it ends after this share
    /// of the spans.
    /// </summary>
    const int FirstShare = 10;

    /// <summary>Times the usual spans that a partition may take before spans are refused.</summary>
    const long MaxGrowth = 4;
    const int LeastFull = 50_000;

    /// <summary>Times the usual bytes that it may take before spans are refused.</summary>
    const long MaxByteGrowth = 2;

    const long RetryMillis = 10_000;

    readonly StoreFolder _folder;
    readonly DuckDbStoreOptions _options;
    readonly Partitions _partitions;
    readonly Sealer _sealer;
    readonly ILogger _logger;
    readonly DuckDBConnection _connection;
    readonly RecentBodies _bodies;
    readonly SeenSpans _seen = new();
    readonly StatisticsFile? _statistics;
    readonly RunningClock _clock;
    readonly HashSet<string> _autocompleteKeys;

    // of the transaction at hand, for the statistics: those that had not come before
    readonly List<Span> _spans = [];
    readonly List<SeriesPoint> _counted = [];
    PartitionWriter _writer;
    long _sinceMillis;
    long _nextTryMillis = long.MinValue;

    public StoreTables(StoreFolder folder, DuckDbStoreOptions options, Partitions partitions, Sealer sealer,
        TimeProvider time, RunningClock clock, ILogger logger)
    {
        _clock = clock;
        var nowMillis = time.GetUtcNow().ToUnixTimeMilliseconds();
        _folder = folder;
        _options = options;
        _partitions = partitions;
        _sealer = sealer;
        _logger = logger;
        _autocompleteKeys = [.. options.AutocompleteKeys];
        _bodies = new RecentBodies(time);
        _connection = folder.Connect();
        StatisticsFile? statistics = null;
        try
        {
            var found = folder.AttachAll(options.SealSpans);
            folder.Manifest.Check(found);
            _statistics = statistics = folder.OpenStatistics();
            Read(found);
            if (found.LastOrDefault() is not { IsSealed: false } last)
                found.Add(last = Create(found.LastOrDefault()?.Layout ?? Layout.Empty, nowMillis));
            _sinceMillis = last.CreatedMillis;
            if (found.LastOrDefault(partition => partition.IsMerged) is { } merged)
                merged.Gone = MergedCopy.ReadGone(_connection, merged);
            // those of older servers do not say it, nor those that were killed before they were sealed
            for (var i = 0; i < found.Count - 1; i++)
                found[i].ClosedMillis ??= found[i + 1].CreatedMillis;
            StoredSpans.Recall(_connection, found, _seen);
            Statistics = new StatisticsKeeper(
                folder, statistics, found, partitions, time, logger, options.CountsSpans);
            _writer = new PartitionWriter(last);
            MoveTo(_writer);
            partitions.Add(found);
            WriteProgress();
            Statistics.Start();
            // killed before they were sealed
            found.FindAll(partition => !partition.IsSealed && partition != last).ForEach(sealer.Add);
        }
        catch
        {
            statistics?.Dispose();
            _connection.Dispose();
            throw;
        }
    }

    /// <summary>Latencies by series.</summary>
    public StatisticsKeeper Statistics { get; }

    /// <summary>The partition that takes appends.</summary>
    public Partition AppendPartition => _writer.Partition;

    /// <summary>Why the last transaction could not be written; null when it could.</summary>
    public Exception? Failure => _writer.Failure;

    /// <summary>By service; every service is a key, one of unnamed spans with an empty name.</summary>
    public Names SpanNames { get; } = new();

    /// <summary>By service.</summary>
    public Names RemoteServices { get; } = new();

    /// <summary>By autocomplete key.</summary>
    public Names TagValues { get; } = new();

    /// <summary>
    /// Writes batches in one transaction; returns when they are durable. When it throws, nothing of them is stored.
    /// </summary>
    public AppendOutcome[] Write(IReadOnlyList<SpanBatch> batches, long nowMillis)
    {
        MoveOnWhenDue(nowMillis);
        var outcomes = new AppendOutcome[batches.Count];
        if (IsFull)
        {
            Array.Fill(outcomes, AppendOutcome.Overloaded);
            return outcomes;
        }
        try
        {
            for (var i = 0; i < outcomes.Length; i++)
            {
                outcomes[i] = _bodies.TryAdd(batches[i].BodyHash)
                    ? AppendOutcome.Stored
                    : AppendOutcome.AlreadyStored;
                if (outcomes[i] == AppendOutcome.Stored)
                    Append(batches[i]);
            }
            _writer.Commit();
            Publish();
            return outcomes;
        }
        catch
        {
            Discard();
            throw;
        }
    }

    public void Dispose()
    {
        _connection.Dispose();
    }

    // names of all partitions; hashes of the newest, as far back as they are remembered
    void Read(List<Partition> partitions)
    {
        foreach (var partition in partitions)
        {
            SpanNames.Read(_connection, partition.Database, "span_names");
            RemoteServices.Read(_connection, partition.Database, "remote_services");
            TagValues.Read(_connection, partition.Database, "tag_values");
        }
        foreach (var partition in Enumerable.Reverse(partitions))
        {
            if (!_bodies.TryRead(_connection, partition.Database))
                break;
        }
    }

    Partition Create(Layout layout, long nowMillis)
    {
        // statistics know partitions by their numbers
        var number = _folder.IsInMemory ? 1
            : Math.Max(Math.Max(PartitionFiles.LastNumber(_folder.Path), _folder.Manifest.LastNumber),
                _statistics?.LastAbsorbed ?? 0) + 1;
        return _folder.Create(_connection, number, layout, _options.SealSpans, nowMillis);
    }

    void MoveTo(PartitionWriter writer)
    {
        var tables = writer.Partition.Tables!;
        _bodies.MoveTo(tables["bodies"]);
        SpanNames.MoveTo(tables["span_names"]);
        RemoteServices.MoveTo(tables["remote_services"]);
        TagValues.MoveTo(tables["tag_values"]);
    }

    /// <summary>Whether sealing is so far behind, or fails, that memory would grow without a bound.</summary>
    public bool IsFull => !_folder.IsInMemory &&
        (AppendPartition.SpanCount >= MaxGrowth * Math.Max(_options.SealSpans, LeastFull) ||
        _writer.Bytes >= MaxByteGrowth * _options.SealBytes);

    /// <summary>Begins a new partition when the present one is full or old.</summary>
    void MoveOnWhenDue(long nowMillis)
    {
        var old = _writer.Partition;
        // or the clock was set back
        var rows = old.SpanCount + old.CountedRows;
        if (rows == 0 || nowMillis < _sinceMillis)
            _sinceMillis = nowMillis;
        _nextTryMillis = Math.Min(_nextTryMillis, nowMillis + RetryMillis);
        var limit = old.Number == 1 ? Math.Max(1, _options.SealSpans / FirstShare) : _options.SealSpans;
        var isDue = _writer.IsBroken || rows >= limit || _writer.Bytes >= _options.SealBytes ||
            nowMillis - _sinceMillis >= _options.SealAge.TotalMilliseconds;
        if (!isDue || rows == 0 || _folder.IsInMemory)
            return;
        if (!_writer.IsBroken && (nowMillis < _nextTryMillis || _sealer.Waiting >= MaxUnsealed))
            return;
        try
        {
            // what a start has replayed was not counted
            var isKnown = _writer.Appended * 2 >= old.SpanCount;
            var writer = new PartitionWriter(Create(
                isKnown ? AttributeCounts.Choose(old.Contents.Shapes, old.Layout) : old.Layout, nowMillis));
            MoveTo(writer);
            _writer = writer;
            _sinceMillis = nowMillis;
            old.ClosedMillis = nowMillis;
            // before the first commit to it is acknowledged
            _partitions.Add(writer.Partition);
            Statistics.MoveOn(writer.Partition);
            _sealer.Add(old);
        }
        catch (Exception exception) when (exception is DuckDBException or IOException or UnauthorizedAccessException)
        {
            _nextTryMillis = nowMillis + RetryMillis;
            _logger.BeginningFailed(exception, old.File);
        }
    }

    void Append(SpanBatch batch)
    {
        Append(batch.Counted);
        foreach (var span in batch.Spans)
        {
            var names = SearchNames.Of(span);
            var report = _seen.Add(span, names.Service, AppendPartition.CreatedMillis);
            if (!report.IsRepeat)
                _spans.Add(span);
            if (report.Correction is { } correction && _options.CountsSpans)
                Append(correction.Points());
            _writer.Append(span, names, (report.IsRepeat ? SpanMarks.Repeat : SpanMarks.None) |
                (report.IsFirstFailure ? SpanMarks.FirstFailure : SpanMarks.None));
            if (names.Service.Length > 0)
            {
                SpanNames.Add(names.Service, names.Name);
                if (names.RemoteService.Length > 0)
                    RemoteServices.Add(names.Service, names.RemoteService);
            }
            if (_autocompleteKeys.Count > 0)
                AppendTagValues(span);
        }
    }

    void Append(IEnumerable<SeriesPoint> counted)
    {
        foreach (var point in counted)
        {
            _writer.Append(point);
            _counted.Add(point);
        }
    }

    void AppendTagValues(Span span)
    {
        foreach (var (key, value) in span.Attributes)
        {
            if (_autocompleteKeys.Contains(key))
                TagValues.Add(key, ZipkinMapping.TagText(value));
        }
    }

    void Publish()
    {
        var partition = _writer.Partition;
        var at = new Position(partition.Number, partition.SpanCount, partition.CountedRows);
        _writer.Publish();
        // before anyone is answered
        Statistics.Add(partition, at, partition.SpanCount - at.Row, _spans, _counted);
        _spans.Clear();
        _counted.Clear();
        _bodies.Publish();
        _seen.Publish();
        SpanNames.Publish();
        RemoteServices.Publish();
        TagValues.Publish();
        WriteProgress();
    }

    void WriteProgress() =>
        _folder.Progress.Write(_writer.Partition.Number, _writer.Acknowledged, _clock.State);

    void Discard()
    {
        _spans.Clear();
        _counted.Clear();
        _writer.Discard();
        _bodies.Discard();
        _seen.Discard();
        SpanNames.Discard();
        RemoteServices.Discard();
        TagValues.Discard();
    }
}
