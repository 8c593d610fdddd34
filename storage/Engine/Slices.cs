using System.Runtime.InteropServices;
using Tracing.Model;
using Tracing.Storage.Tables;

namespace Tracing.Storage.Engine;

/// <summary>What was decided on a slice: all groups that were begun within 5 minutes.</summary>
/// <param name="Number">Since 1970.</param>
/// <param name="Writer">Who wrote what is kept of it; 0 where all is kept, where it is.</param>
/// <param name="Since">Seconds since 1970.</param>
/// <param name="Hours">Since 1970, in which spans of its blocks start.</param>
/// <param name="IsRemoved">Whether the blocks that were thinned out are deleted.</param>
/// <param name="Version">Of its row; 0 while there is none.</param>
sealed record Slice(
    long Number, long Writer, long Since, IReadOnlyList<long> Hours, bool IsRemoved = false, long Version = 0)
{
    public static Slice Of(Entry row)
    {
        var value = new ByteReader(row.Value);
        var (writer, since, isRemoved) = ((long)value.ReadFixed(), value.ReadSigned(), value.ReadInt32() != 0);
        var hours = new long[value.ReadCount()];
        for (var i = 0; i < hours.Length; i++)
            hours[i] = value.ReadSigned();
        return new(Keys.NumberAt(row.Key, 0), writer, since, hours, isRemoved, row.Version);
    }

    public byte[] ToValue()
    {
        var value = new ByteWriter();
        value.WriteFixed((ulong)Writer);
        value.WriteSigned(Since);
        value.Write(IsRemoved ? 1 : 0);
        value.Write(Hours.Count);
        foreach (var hour in Hours)
            value.WriteSigned(hour);
        return value.Written.ToArray();
    }
}

/// <summary>The slices on which it is decided what is kept. For any thread.</summary>
sealed class Slices
{
    public const int Minutes = 5;

    const long Micros = Minutes * 60_000_000L;

    /// <summary>
    /// So long what was read is taken for true; blocks that are thinned out are deleted much later, so that whoever
    /// still reads them finds them.
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
        var thinned = slices.Where(slice => slice.Writer != 0)
            .ToDictionary(slice => slice.Number, slice => slice.Writer);
        var last = slices.MaxBy(slice => slice.Number);
        var gone = last is { Writer: not 0 } ? await ReadGoneAsync(last, cancellation) : [];
        _current = new CurrentBlocks(read, last?.Number ?? -1, thinned, gone);
        return slices.ToDictionary(slice => slice.Number);
    }

    /// <summary>Which blocks have the spans that are there now.</summary>
    public async ValueTask<CurrentBlocks> CurrentAsync(CancellationToken cancellation)
    {
        if (_current is { } known && TimeProvider.System.GetElapsedTime(known.Read) < _knownFor)
            return known;
        await ReadAsync(cancellation);
        return _current!;
    }

    /// <summary>Decides on a slice, unless somebody has before.</summary>
    /// <param name="gone">The low halves of the ids of traces that go but have spans in the next slice.</param>
    public async Task DecideAsync(Slice slice, ulong[] gone, CancellationToken cancellation)
    {
        if (gone.Length > 0)
        {
            var lows = MemoryMarshal.AsBytes<ulong>(gone).ToArray();
            await _tables.PutAsync([new(Table.State, GoneOf(slice), Keys.Empty, lows, _timeToLive)],
                cancellation: cancellation);
        }
        await _tables.CompareAndSetAsync(RowOf(slice), 0, [], cancellation);
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

    static byte[] GoneOf(Slice slice) => Keys.OfKind((byte)StateKind.Gone, slice.Number, slice.Writer);
}

/// <summary>
/// Which blocks have the spans that are there: of a slice that was thinned out those kept, else the whole.
/// </summary>
/// <param name="Read">A time stamp of the system.</param>
/// <param name="LastDecided">The number of the last slice on which it is decided what is kept.</param>
/// <param name="Thinned">By slice, who wrote what is kept of it.</param>
/// <param name="Gone">
/// The low halves of the ids of traces that went with the last slice, but have spans in the next one, which is not
/// decided on yet: they are not to be seen.
/// </param>
sealed record CurrentBlocks(long Read, long LastDecided, Dictionary<long, long> Thinned, HashSet<ulong> Gone)
{
    /// <summary>Whether there is anything but whole blocks.</summary>
    public bool HaveKept => Thinned.Count > 0;

    public bool Contain(BlockId id) => Thinned.TryGetValue(Slices.NumberOf(id.Stored), out var writer)
        ? id.IsKept && id.Writer == writer
        : !id.IsKept;
}
