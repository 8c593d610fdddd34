using Tracing.Storage;

namespace Tracing.Query;

/// <summary>Reads series for an answer.</summary>
sealed class SeriesReader(ISpanStore store, SeriesSource source, CancellationToken cancellation)
{
    /// <summary>Each series at one point, or at points of so many minutes.</summary>
    public Task<IReadOnlyList<SeriesPoint>> ReadAsync(
        SeriesLevel level, MinuteRange range, string? service = null, string? operation = null, int stepMinutes = 0,
        bool withExemplars = false, string? peer = null) => store.GetSeriesAsync(new SeriesQuery
        {
            Level = level,
            Service = service,
            Operation = operation,
            Peer = peer,
            Source = source,
            StartMinute = range.Start,
            EndMinute = range.End,
            StepMinutes = stepMinutes,
            WithExemplars = withExemplars,
        }, cancellation);

    /// <summary>The series of an operation, or of the service if none is named.</summary>
    public Task<IReadOnlyList<SeriesPoint>> ReadAsync(
        MinuteRange range, string service, string? operation, int stepMinutes = 0) =>
        ReadAsync(operation is null ? SeriesLevel.Service : SeriesLevel.Operation, range, service, operation,
            stepMinutes);

    /// <summary>The same with exemplars; those of a service are those of its operations.</summary>
    public async Task<IReadOnlyList<SeriesPoint>> ReadWithExemplarsAsync(
        MinuteRange range, string service, string? operation, int stepMinutes)
    {
        var operations = await ReadAsync(
            SeriesLevel.Operation, range, service, operation, stepMinutes, withExemplars: true);
        if (operation is not null)
            return operations;
        var exemplars = new Dictionary<(Series, long), ExemplarSet>();
        foreach (var point in operations)
        {
            var at = (point.Series with { Level = SeriesLevel.Service, Operation = "" }, point.Minute);
            if (!exemplars.TryGetValue(at, out var known))
                exemplars.Add(at, known = new ExemplarSet());
            known.Merge(point.Exemplars!);
        }
        return [.. (await ReadAsync(range, service, null, stepMinutes)).Select(point => point with
        {
            Exemplars = exemplars.GetValueOrDefault((point.Series, point.Minute))?.ByBucket,
        })];
    }

    /// <summary>The same of two periods, merged by what is the same; what neither has is not there.</summary>
    public async Task<List<(TKey Key, Measured Now, Measured Before)>> ReadBothAsync<TKey>(
        SeriesLevel level, MinuteRange range, MinuteRange? before, string? service, KindChoice kind,
        Func<SeriesPoint, TKey> key) where TKey : notnull
    {
        var now = await ReadAsync(level, range, service);
        var then = before is { } period ? await ReadAsync(level, period, service) : [];
        // an edge's kind says whether it is a call or a message; both are shown
        var isChosen = level is SeriesLevel.Service or SeriesLevel.Operation
            ? Measured.Chosen(kind, now.Concat(then))
            : _ => true;
        var nowBy = Measured.By(now.Where(isChosen), key);
        var thenBy = Measured.By(then.Where(isChosen), key);
        return [.. nowBy.Keys.Union(thenBy.Keys).Select(each => (
            each, nowBy.GetValueOrDefault(each) ?? new Measured(), thenBy.GetValueOrDefault(each) ?? new Measured()))];
    }
}
