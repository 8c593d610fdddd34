using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Tracing.Storage.RocksDb;

/// <summary>Has compaction leave out rows that have ended. It must live longer than the database.</summary>
sealed unsafe class ExpiryFilter : IDisposable
{
    static readonly DateTimeOffset _epoch = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);

    static readonly nint _name = Marshal.StringToCoTaskMemUTF8("tracing.expiry");

    // read by RocksDB's threads
    uint* _now = (uint*)NativeMemory.AllocZeroed(sizeof(uint));

    public ExpiryFilter() =>
        Handle = Native.rocksdb_compactionfilter_create(_now, &Destroy, &IsOver, &Name);

    public nint Handle { get; }

    /// <summary>Seconds by <see cref="SecondsOf"/>; only rows that end by then are left out.</summary>
    public uint Now
    {
        get => Volatile.Read(ref *_now);
        set => Volatile.Write(ref *_now, value);
    }

    /// <summary>Since 2020; what lies before or beyond 2156 is cut.</summary>
    public static uint SecondsOf(DateTimeOffset time) =>
        (uint)Math.Clamp((time - _epoch).TotalSeconds, 1, uint.MaxValue - 1);

    public void Dispose()
    {
        if (_now is null)
            return;
        Native.rocksdb_compactionfilter_destroy(Handle);
        NativeMemory.Free(_now);
        _now = null;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    static byte IsOver(void* now, int level, byte* key, nuint keyLength, byte* value, nuint valueLength,
        byte** newValue, nuint* newLength, byte* isChanged)
    {
        if (valueLength < sizeof(uint))
            return 0;
        var ends = BinaryPrimitives.ReadUInt32LittleEndian(new ReadOnlySpan<byte>(value, sizeof(uint)));
        return (byte)(ends != 0 && ends <= Volatile.Read(ref *(uint*)now) ? 1 : 0);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    static void Destroy(void* now)
    {
        // Dispose does, once nobody reads it any more
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    static byte* Name(void* now) => (byte*)_name;
}
