using System.Buffers.Binary;
using System.IO.Hashing;
using Microsoft.Win32.SafeHandles;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// A file of a few bytes that is written over after every transaction: how long the newest log is on disk, and the time
/// that is believed (<see cref="RunningClock"/>). It is not synced, so that a transaction costs no second sync: a kill
/// leaves it as it is, and a failure of power leaves it older at worst, which claims less.
/// </summary>
sealed class Progress : IDisposable
{
    public const string Name = "progress";

    const int Length = 6 * sizeof(long);

    readonly SafeFileHandle? _handle;
    readonly byte[] _bytes = new byte[Length];

    Progress(SafeFileHandle? handle) => _handle = handle;

    /// <summary>The partition that took appends last; 0 when that is not known.</summary>
    public int Number { get; private set; }

    /// <summary>Bytes of its log with the last transaction; 0 without any.</summary>
    public long Acknowledged { get; private set; }

    /// <summary>Null when it is not known.</summary>
    public RunningClockState? Clock { get; private set; }

    /// <param name="folder">Null when the store is in memory.</param>
    public static Progress Open(string? folder)
    {
        if (folder is null)
            return new Progress(null);
        var handle = File.OpenHandle(Path.Combine(folder, Name), FileMode.OpenOrCreate, FileAccess.ReadWrite);
        var progress = new Progress(handle);
        var bytes = progress._bytes;
        if (RandomAccess.Read(handle, bytes, 0) == Length && At(5) == HashOf(bytes))
        {
            (progress.Number, progress.Acknowledged) = ((int)At(0), At(1));
            progress.Clock = new RunningClockState(At(2), At(3), At(4));
        }
        return progress;

        long At(int place) => BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(place * sizeof(long)));
    }

    public void Write(int number, long acknowledged, RunningClockState clock)
    {
        (Number, Acknowledged, Clock) = (number, acknowledged, clock);
        if (_handle is null)
            return;
        Put(0, number);
        Put(1, acknowledged);
        Put(2, clock.Now);
        Put(3, clock.Ahead);
        Put(4, clock.Waited);
        Put(5, HashOf(_bytes));
        try
        {
            RandomAccess.Write(_handle, _bytes, 0);
        }
        catch (IOException)
        {
            // what it says is old then, and claims less
        }

        void Put(int place, long value) =>
            BinaryPrimitives.WriteInt64LittleEndian(_bytes.AsSpan(place * sizeof(long)), value);
    }

    public void Dispose() => _handle?.Dispose();

    static long HashOf(byte[] bytes) => (long)XxHash3.HashToUInt64(bytes.AsSpan(0, Length - sizeof(long)));
}
