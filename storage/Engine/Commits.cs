using System.Collections.Concurrent;
using Tracing.Storage.Tables;

namespace Tracing.Storage.Engine;

/// <summary>A group that is stored.</summary>
/// <param name="Blocks">How many it has.</param>
/// <param name="Spans">The same of its spans.</param>
/// <param name="Points">What it counts, as <see cref="PointsCodec"/> writes it.</param>
sealed record Commit(long Writer, long Stored, int Blocks, int Spans, byte[] Points);

/// <summary>
/// Which groups are stored, by minute and writer; and which writers there are. Of a group there is a row of what it
/// counts, and when all its other rows are there, one with the number of its blocks; until then nothing of it counts.
/// </summary>
sealed class Commits
{
    /// <summary>Groups remembered as committed; beyond it all are forgotten, and asked for again.</summary>
    const int MaxKnown = 1_000_000;

    // what keys begin with
    const byte Committed = 0;
    const byte Counts = 1;

    readonly ConcurrentDictionary<(long Writer, long Stored), bool> _known = [];
    readonly ITables _tables;
    readonly TimeSpan _timeToLive;

    public Commits(ITables tables, EngineOptions options)
    {
        _tables = tables;
        _timeToLive = options.CommitRetention;
    }

    /// <summary>What the group counts, to be written before it is committed.</summary>
    public Row CountsOf(Commit commit) => new(Table.Commits, PartitionOf(commit.Writer, Rows.SlotOf(commit.Stored)),
        Keys.OfKind(Counts, commit.Stored), commit.Points, _timeToLive);

    /// <summary>Commits the group.</summary>
    public Row Of(Commit commit)
    {
        var value = new ByteWriter();
        value.Write(commit.Blocks);
        value.Write(commit.Spans);
        return new(Table.Commits, PartitionOf(commit.Writer, Rows.SlotOf(commit.Stored)),
            Keys.OfKind(Committed, commit.Stored), value.Written.ToArray(), _timeToLive);
    }

    public Row OfWriter(long writer, long firstSlot, long lastSlot) => new(Table.State,
        Rows.Partition(StateKind.Writers), Keys.Of(writer), Keys.Of(firstSlot, lastSlot), _timeToLive);

    public async Task<bool> IsCommittedAsync(long writer, long stored) => await _tables.GetAsync(
        Table.Commits, PartitionOf(writer, Rows.SlotOf(stored)), Keys.OfKind(Committed, stored)) is not null;

    /// <summary>Of groups, those that are committed; asked once for each minute that has some.</summary>
    public async Task<HashSet<(long Writer, long Stored)>> AmongAsync(
        IEnumerable<(long Writer, long Stored)> groups, CancellationToken cancellation)
    {
        if (_known.Count > MaxKnown)
            _known.Clear();
        var all = groups.ToHashSet();
        var unknown = all.Where(group => !_known.ContainsKey(group)).ToList();
        var slots = unknown.Select(group => (group.Writer, Slot: Rows.SlotOf(group.Stored))).Distinct().ToList();
        var committed = (await Rows.ForAllAsync(slots, async slot => (slot.Writer, Groups: await ReadGroupsAsync(
            slot.Writer, slot.Slot, cancellation)), cancellation))
            .SelectMany(slot => slot.Groups, (slot, group) => (slot.Writer, group.Stored)).ToHashSet();
        foreach (var group in unknown)
        {
            if (committed.Contains(group))
                _known.TryAdd(group, true);
            else
                all.Remove(group);
        }
        return all;
    }

    /// <summary>Has a commit that is not there yet never be there.</summary>
    /// <param name="until">No write until then brings it.</param>
    public Task ForbidAsync(long writer, long stored, DateTimeOffset until) => _tables.ForbidAsync(
        Table.Commits, PartitionOf(writer, Rows.SlotOf(stored)), Keys.OfKind(Committed, stored), until);

    /// <summary>
    /// The groups of all writers beyond marks that are not counted for good yet, with what they count, in the order
    /// stored.
    /// </summary>
    public async Task<List<Commit>> ReadAsync(
        IReadOnlyDictionary<long, long> marks, CancellationToken cancellation)
    {
        var all = await ForSlotsBeyondAsync(marks, ReadAsync, cancellation);
        return [.. all.OrderBy(commit => commit.Stored).ThenBy(commit => commit.Writer)];
    }

    /// <summary>The groups of all writers beyond marks, in the order stored.</summary>
    public async Task<List<Group>> ReadGroupsAsync(
        IReadOnlyDictionary<long, long> marks, CancellationToken cancellation)
    {
        var all = await ForSlotsBeyondAsync(marks, ReadGroupsAsync, cancellation);
        return [.. all.OrderBy(group => group.Stored).ThenBy(group => group.Writer)];
    }

    /// <summary>What a group counts; null when that was added up and deleted.</summary>
    public async Task<byte[]?> ReadCountsAsync(long writer, long stored, CancellationToken cancellation) =>
        (await _tables.GetAsync(Table.Commits, PartitionOf(writer, Rows.SlotOf(stored)), Keys.OfKind(Counts, stored),
            cancellation))?.Value;

    /// <summary>Deletes what the groups of a minute of a writer count, up to one.</summary>
    public Task DeleteCountsAsync(long writer, long slot, long last, CancellationToken cancellation) =>
        _tables.DeleteAsync(Table.Commits, PartitionOf(writer, slot), Keys.OfKind(Counts, 0),
            Keys.OfKind(Counts, last + 1), cancellation);

    async Task<List<T>> ForSlotsBeyondAsync<T>(IReadOnlyDictionary<long, long> marks,
        Func<long, long, long, CancellationToken, Task<List<T>>> read, CancellationToken cancellation)
    {
        var slots = new List<(long Writer, long Slot, long Mark)>();
        foreach (var (writer, first, last) in await ReadWritersAsync(cancellation))
        {
            var mark = marks.GetValueOrDefault(writer, -1);
            for (var slot = Math.Max(first, Rows.SlotOf(Math.Max(0, mark))); slot <= last; slot++)
                slots.Add((writer, slot, mark));
        }
        return [.. (await Rows.ForAllAsync(
            slots, slot => read(slot.Writer, slot.Slot, slot.Mark, cancellation), cancellation))
            .SelectMany(each => each)];
    }

    /// <summary>Who writes, and the minutes (since 1970) of their first and last groups.</summary>
    public async Task<List<(long Writer, long First, long Last)>> ReadWritersAsync(CancellationToken cancellation) =>
        (await _tables.ReadAsync(StateKind.Writers, cancellation)).ConvertAll(row =>
            (Keys.NumberAt(row.Key, 0), Keys.NumberAt(row.Value, 0), Keys.NumberAt(row.Value, sizeof(long))));

    /// <summary>The groups that a writer began in a minute.</summary>
    public Task<List<Group>> ReadGroupsAsync(
        long writer, long slot, CancellationToken cancellation) => ReadGroupsAsync(writer, slot, -1, cancellation);

    /// <summary>Forgets the groups that a writer began in a minute.</summary>
    public Task DeleteAsync(long writer, long slot) =>
        _tables.DeleteAsync(Table.Commits, PartitionOf(writer, slot), Keys.Empty, null);

    async Task<List<Commit>> ReadAsync(long writer, long slot, long mark, CancellationToken cancellation)
    {
        var groups = await ReadGroupsAsync(writer, slot, mark, cancellation);
        if (groups.Count == 0)
            return [];
        // in this order: what a group counts is there before it is committed
        var counts = await _tables.ScanAsync(
            Table.Commits, PartitionOf(writer, slot), Keys.OfKind(Counts, mark + 1), null, cancellation: cancellation);
        var points = counts.ToDictionary(row => Keys.NumberAt(row.Key, 1), row => row.Value);
        return [.. groups
            // what is not there any more was added up meanwhile
            .Where(group => points.ContainsKey(group.Stored))
            .Select(group => new Commit(writer, group.Stored, group.Blocks, group.Spans, points[group.Stored]))];
    }

    async Task<List<Group>> ReadGroupsAsync(
        long writer, long slot, long mark, CancellationToken cancellation) =>
        (await _tables.ScanAsync(Table.Commits, PartitionOf(writer, slot), Keys.OfKind(Committed, mark + 1), [Counts],
            cancellation: cancellation))
        .ConvertAll(row =>
        {
            var value = new ByteReader(row.Value);
            return new Group(Keys.NumberAt(row.Key, 1), writer, value.ReadInt32(), value.ReadInt32());
        });

    static byte[] PartitionOf(long writer, long slot) => Keys.Of(slot, writer);
}
