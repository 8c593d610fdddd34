using System.Runtime.InteropServices;
using Tracing.Model;
using Tracing.Storage.Tables;

namespace Tracing.Storage.Engine;

/// <summary>Where the spans of a slice are: of all groups that were begun within 5 minutes.</summary>
/// <param name="Number">Since 1970.</param>
/// <param name="Generation">What has the spans of groups up to a time.</param>
/// <param name="Upto">That time, excluded, in microseconds since 1970; those of later groups are in theirs.</param>
/// <param name="Writers">Of each group of blocks of the generation, in their order, who wrote it.</param>
/// <param name="Since">Of when this is, in seconds since 1970.</param>
/// <param name="Hours">Since 1970, in which spans of its blocks start.</param>
/// <param name="IsDecided">Whether it is decided which of its traces are kept.</param>
/// <param name="IsRemoved">Whether the blocks of the generations before are deleted.</param>
/// <param name="Version">Of its row; 0 while there is none.</param>
sealed record Slice(long Number, Generation Generation, long Upto, IReadOnlyList<long> Writers, long Since,
    IReadOnlyList<long> Hours, bool IsDecided = false, bool IsRemoved = false, long Version = 0)
{
    /// <summary>Whether all its groups were compacted; no other one is to join it.</summary>
    public bool IsComplete => Upto == Slices.StartOf(Number + 1);

    /// <summary>One of which nothing was compacted yet.</summary>
    public static Slice New(long number) => new(number, Generation.Compacted, Slices.StartOf(number), [], 0, []);

    public static Slice Of(Entry row)
    {
        var value = new ByteReader(row.Value);
        var (generation, upto, since) = ((Generation)value.ReadInt32(), value.ReadSigned(), value.ReadSigned());
        var (isDecided, isRemoved) = (value.ReadInt32() != 0, value.ReadInt32() != 0);
        var writers = ReadAll(ref value, static (ref ByteReader input) => (long)input.ReadFixed());
        var hours = ReadAll(ref value, static (ref ByteReader input) => input.ReadSigned());
        return new(Keys.NumberAt(row.Key, 0), generation, upto, writers, since, hours, isDecided, isRemoved,
            row.Version);
    }

    public byte[] ToValue()
    {
        var value = new ByteWriter();
        value.Write((int)Generation);
        value.WriteSigned(Upto);
        value.WriteSigned(Since);
        value.Write(IsDecided ? 1 : 0);
        value.Write(IsRemoved ? 1 : 0);
        value.Write(Writers.Count);
        foreach (var writer in Writers)
            value.WriteFixed((ulong)writer);
        value.Write(Hours.Count);
        foreach (var hour in Hours)
            value.WriteSigned(hour);
        return value.Written.ToArray();
    }

    /// <summary>Whether a block has spans of the slice that are to be seen.</summary>
    public bool Contains(BlockId id) => id.Generation == Generation.Group
        ? id.Stored >= Upto
        : id.Generation == Generation && id.Stored - Slices.StartOf(Number) is var at && at < Writers.Count &&
            Writers[(int)at] == id.Writer;

    delegate long ReadNumber(ref ByteReader input);

    static long[] ReadAll(ref ByteReader input, ReadNumber read)
    {
        var numbers = new long[input.ReadCount()];
        for (var i = 0; i < numbers.Length; i++)
            numbers[i] = read(ref input);
        return numbers;
    }
}

/// <summary>The slices that compaction has written anew. For any thread.</summary>
sealed class Slices
{
    public const int Minutes = 5;

    const long Micros = Minutes * 60_000_000L;

    /// <summary>
    /// So long what was read is taken for true; blocks are deleted much later than others take their place, so that
    /// whoever still reads them finds them.
    /// </summary>
    static readonly TimeSpan _knownFor = TimeSpan.FromSeconds(30);

    readonly ITables _tables;
    readonly TimeSpan _timeToLive;
    volatile CurrentBlocks? _current;

    public Slices(ITables tables, EngineOptions options)
    {
        _tables = tables;
        _timeToLive = options.Retention + Rows.Day;
    }

    /// <summary>Of the slice that a group is in.</summary>
    public static long NumberOf(long stored) => stored / Micros;

    /// <summary>When it begins, microseconds since 1970.</summary>
    public static long StartOf(long number) => number * Micros;

    public async Task<Dictionary<long, Slice>> ReadAsync(CancellationToken cancellation)
    {
        var read = TimeProvider.System.GetTimestamp();
        var slices = (await _tables.ReadAsync(StateKind.Slices, cancellation)).ConvertAll(Slice.Of);
        var byNumber = slices.ToDictionary(slice => slice.Number);
        var last = slices.Where(slice => slice.IsDecided).MaxBy(slice => slice.Number);
        var gone = last is { Generation: Generation.Thinned } ? await ReadGoneAsync(last, cancellation) : [];
        _current = new CurrentBlocks(read, slices.Count == 0 ? 0 : slices.Max(slice => slice.Upto), byNumber, gone);
        return byNumber;
    }

    /// <summary>Which blocks have the spans that are there now.</summary>
    public async ValueTask<CurrentBlocks> CurrentAsync(CancellationToken cancellation)
    {
        if (_current is { } known && TimeProvider.System.GetElapsedTime(known.Read) < _knownFor)
            return known;
        await ReadAsync(cancellation);
        return _current!;
    }

    /// <summary>Has other blocks take the place of a slice's, unless it was changed since it was read.</summary>
    /// <param name="version">Of the slice that was read; 0 for none.</param>
    /// <param name="gone">The low halves of the ids of traces that go but have spans in the next slice.</param>
    public async Task ReplaceAsync(Slice slice, long version, ulong[] gone, CancellationToken cancellation)
    {
        if (gone.Length > 0)
        {
            var lows = MemoryMarshal.AsBytes<ulong>(gone).ToArray();
            await _tables.PutAsync([new(Table.State, GoneOf(slice), Keys.Empty, lows, _timeToLive)],
                cancellation: cancellation);
        }
        await _tables.CompareAndSetAsync(RowOf(slice), version, [], cancellation);
        await ReadAsync(cancellation);
    }

    public async Task SetRemovedAsync(Slice slice) =>
        await _tables.CompareAndSetAsync(RowOf(slice with { IsRemoved = true }), slice.Version, []);

    async Task<HashSet<ulong>> ReadGoneAsync(Slice slice, CancellationToken cancellation)
    {
        var lows = (await _tables.GetAsync(Table.State, GoneOf(slice), Keys.Empty, cancellation))?.Value;
        return new HashSet<ulong>(MemoryMarshal.Cast<byte, ulong>(lows).ToArray(), SeededHash.Comparer);
    }

    Row RowOf(Slice slice) => new(Table.State, Rows.Partition(StateKind.Slices), Keys.Of(slice.Number),
        slice.ToValue(), _timeToLive);

    static byte[] GoneOf(Slice slice) => Keys.OfKind((byte)StateKind.Gone, slice.Number, slice.Writers[0]);
}

/// <summary>Which blocks have the spans that are there.</summary>
/// <param name="Read">A time stamp of the system.</param>
/// <param name="Upto">Up to when groups were compacted, microseconds since 1970: none is to come of before.</param>
/// <param name="Slices">By their numbers.</param>
/// <param name="Gone">
/// The low halves of the ids of traces that went with the last slice that was decided on, but have spans in the next
/// one, which is not: they are not to be seen.
/// </param>
sealed record CurrentBlocks(
    long Read, long Upto, IReadOnlyDictionary<long, Slice> Slices, IReadOnlySet<ulong> Gone)
{
    public bool Contain(BlockId id) => Slices.TryGetValue(Engine.Slices.NumberOf(id.Stored), out var slice)
        ? slice.Contains(id)
        : id.Generation == Generation.Group;
}
