using Tracing.Storage.Tables;

namespace Tracing.Storage.Engine;

/// <summary>
/// How far groups are counted in the rows of statistics: a row that is compared and set. A flush has a number and takes
/// the groups of each writer after one mark up to another. It is set here before it changes rows, and once more when
/// all are changed: who finds it half done does it again, in the rows that do not have its number yet.
/// </summary>
/// <param name="Number">Of the last flush that was begun; 0: there was none.</param>
/// <param name="Owner">Whose it is.</param>
/// <param name="IsApplied">Whether all rows have it.</param>
/// <param name="From">Up to which group of each writer the flushes before have counted.</param>
/// <param name="To">The same of this one.</param>
/// <param name="Version">Of the row, 0 if it is none.</param>
sealed record CountState(long Number, long Owner, bool IsApplied, IReadOnlyDictionary<long, long> From,
    IReadOnlyDictionary<long, long> To, long Version)
{
    static CountState None { get; } =
        new(0, 0, true, new Dictionary<long, long>(), new Dictionary<long, long>(), 0);

    /// <summary>Up to which group of each writer all rows have everything.</summary>
    public IReadOnlyDictionary<long, long> Applied => IsApplied ? To : From;

    public static async Task<CountState> ReadAsync(ITables tables, CancellationToken cancellation) =>
        await tables.GetAsync(Table.State, Rows.Partition(StateKind.Counted), Keys.Empty, cancellation) is { } row
            ? Read(row)
            : None;

    /// <summary>The state as it is then, which is another's if somebody else has set it.</summary>
    public static async Task<CountState> SetAsync(ITables tables, CountState before, CountState after,
        TimeSpan timeToLive, CancellationToken cancellation)
    {
        var result = await tables.CompareAndSetAsync(
            new(Table.State, Rows.Partition(StateKind.Counted), Keys.Empty, after.Write(), timeToLive),
            before.Version, [], cancellation);
        return result.Found is { } row ? Read(row) : None;
    }

    public bool IsSameAs(CountState other) =>
        (Number, Owner, IsApplied, Version) == (other.Number, other.Owner, other.IsApplied, other.Version);

    byte[] Write()
    {
        var value = new ByteWriter();
        value.Write((ulong)Number);
        value.WriteFixed((ulong)Owner);
        value.Write(IsApplied ? 1 : 0);
        foreach (var marks in IsApplied ? [To] : new[] { From, To })
        {
            value.Write(marks.Count);
            foreach (var (writer, stored) in marks)
            {
                value.WriteFixed((ulong)writer);
                value.WriteFixed((ulong)stored);
            }
        }
        return value.Written.ToArray();
    }

    static CountState Read(Entry row)
    {
        var value = new ByteReader(row.Value);
        var (number, owner, isApplied) = ((long)value.ReadUInt64(), (long)value.ReadFixed(), value.ReadInt32() != 0);
        var first = ReadMarks(ref value);
        return new CountState(number, owner, isApplied, first, isApplied ? first : ReadMarks(ref value), row.Version);
    }

    static Dictionary<long, long> ReadMarks(ref ByteReader value)
    {
        var marks = new Dictionary<long, long>();
        for (var left = value.ReadCount(); left > 0; left--)
            marks.Add((long)value.ReadFixed(), (long)value.ReadFixed());
        return marks;
    }
}
