using System.Runtime.InteropServices;
using System.Text;
using Tracing.Storage.Tables;
using static Tracing.Storage.RocksDb.Native;

namespace Tracing.Storage.RocksDb;

/// <summary>
/// A folder of RocksDB, opened with a column family for each table. Its memory is bounded: what is not in files yet by
/// the write buffers, what was read by one cache of blocks, indexes and filters, the rest by the number of open files.
/// </summary>
sealed unsafe class Database : IDisposable
{
    /// <summary>Of all write buffers together: where they are fuller, the fullest is written to a file.</summary>
    const int WriteBufferBytes = 96 << 20;

    const int BlockCacheBytes = 64 << 20;

    /// <summary>Of the log, which a start after a kill reads again; beyond it the oldest rows go to files.</summary>
    const ulong MaxLogBytes = 128 << 20;

    /// <summary>Files open at once; each takes some 10 KB besides its index, which is in the cache.</summary>
    const int MaxOpenFiles = 1000;

    /// <summary>Of the text that RocksDB writes about itself, LOG; so many files of it stay.</summary>
    const int MaxTextLogBytes = 4 << 20;
    const int TextLogFiles = 3;

    /// <summary>What has not been compacted for so long is, so that rows that ended leave the disk.</summary>
    const ulong CompactedSeconds = 86_400;

    /// <summary>Values from here on are in files of their own, which compaction leaves alone.</summary>
    const ulong MinBlobBytes = 4096;

    const int ZstdCompression = 7;
    const int NoCompression = 0;
    const double BloomBitsPerKey = 10;

    // of BottommostLevelCompaction and BlobGarbageCollectionPolicy
    const byte ForceBottommost = 2;
    const int ForceBlobs = 0;

    readonly nint _db;
    readonly nint[] _families;
    readonly nint _synced = rocksdb_writeoptions_create();
    readonly nint _unsynced = rocksdb_writeoptions_create();
    readonly nint _read = rocksdb_readoptions_create();

    Database(nint db, nint[] families)
    {
        _db = db;
        _families = families;
        rocksdb_writeoptions_set_sync(_synced, 1);
    }

    /// <param name="path">Made if it is not there.</param>
    /// <param name="filterOf">Gives the filter of compaction of a table, whose rows end by themselves.</param>
    /// <exception cref="RocksDbException">It cannot be opened.</exception>
    public static Database Open(string path, Func<Table, ExpiryFilter> filterOf)
    {
        var count = Family.All.Count;
        var options = MakeOptions();
        var familyOptions = stackalloc nint[count];
        var names = stackalloc byte*[count];
        var cache = rocksdb_cache_create_lru(BlockCacheBytes);
        try
        {
            for (var i = 0; i < count; i++)
            {
                familyOptions[i] = MakeOptions(Family.All[i], cache,
                    Family.TableOf(i) is { } table ? filterOf(table).Handle : 0);
                names[i] = (byte*)Marshal.StringToCoTaskMemUTF8(Family.All[i].Name);
            }
            var families = new nint[count];
            nint db;
            nint error = 0;
            fixed (byte* folder = PathBytes(path))
            fixed (nint* opened = families)
                db = rocksdb_open_column_families(options, folder, count, names, familyOptions, opened, &error);
            ThrowIf(error);
            return new Database(db, families);
        }
        finally
        {
            for (var i = 0; i < count; i++)
            {
                Marshal.FreeCoTaskMem((nint)names[i]);
                rocksdb_options_destroy(familyOptions[i]);
            }
            rocksdb_options_destroy(options);
            // the families hold on to it
            rocksdb_cache_destroy(cache);
        }
    }

    /// <summary>The families that a folder has; none where there is no database.</summary>
    public static IReadOnlyList<string> FamiliesOf(string path)
    {
        var options = rocksdb_options_create();
        try
        {
            nint error = 0;
            nuint count;
            byte** names;
            fixed (byte* folder = PathBytes(path))
                names = rocksdb_list_column_families(options, folder, out count, &error);
            ThrowIf(error);
            var all = new string[(int)count];
            for (var i = 0; i < all.Length; i++)
                all[i] = Marshal.PtrToStringUTF8((nint)names[i])!;
            rocksdb_list_column_families_destroy(names, count);
            return all;
        }
        finally
        {
            rocksdb_options_destroy(options);
        }
    }

    public void Write(WriteBatch batch, bool isSynced)
    {
        nint error = 0;
        rocksdb_write(_db, isSynced ? _synced : _unsynced, batch.Handle, &error);
        ThrowIf(error);
    }

    /// <summary>How many rows were ever written or deleted.</summary>
    public ulong Writes => rocksdb_get_latest_sequence_number(_db);

    public WriteBatch NewBatch() => new(_families);

    /// <param name="read">Makes of the value what is wanted; not called where there is none.</param>
    public T? Get<T>(int family, ReadOnlySpan<byte> key, ReadValue<T> read)
    {
        nint slice = 0;
        try
        {
            nint error = 0;
            fixed (byte* bytes = key)
                slice = rocksdb_get_pinned_cf(_db, _read, _families[family], bytes, (nuint)key.Length, &error);
            ThrowIf(error);
            if (slice == 0)
                return default;
            var value = rocksdb_pinnableslice_value(slice, out var length);
            return read(new ReadOnlySpan<byte>(value, (int)length));
        }
        finally
        {
            if (slice != 0)
                rocksdb_pinnableslice_destroy(slice);
        }
    }

    /// <summary>Goes through the keys from one up to another, which is left out.</summary>
    /// <param name="isOnePrefix">Whether both begin alike as far as the family's filters look.</param>
    /// <param name="visit">False when it has seen enough.</param>
    public void Scan(int family, ReadOnlySpan<byte> from, ReadOnlySpan<byte> to, bool isDescending, bool isOnePrefix,
        Visit visit)
    {
        var options = rocksdb_readoptions_create();
        nint iterator = 0;
        // RocksDB looks at the bounds as long as the iterator lives
        fixed (byte* first = from)
        fixed (byte* last = to)
        {
            try
            {
                rocksdb_readoptions_set_iterate_lower_bound(options, first, (nuint)from.Length);
                rocksdb_readoptions_set_iterate_upper_bound(options, last, (nuint)to.Length);
                rocksdb_readoptions_set_total_order_seek(options, (byte)(isOnePrefix && !isDescending ? 0 : 1));
                iterator = rocksdb_create_iterator_cf(_db, options, _families[family]);
                if (isDescending)
                    rocksdb_iter_seek_to_last(iterator);
                else
                    rocksdb_iter_seek(iterator, first, (nuint)from.Length);
                while (rocksdb_iter_valid(iterator) != 0)
                {
                    var key = rocksdb_iter_key(iterator, out var keyLength);
                    var value = rocksdb_iter_value(iterator, out var valueLength);
                    if (!visit(new(key, (int)keyLength), new(value, (int)valueLength)))
                        return;
                    if (isDescending)
                        rocksdb_iter_prev(iterator);
                    else
                        rocksdb_iter_next(iterator);
                }
                nint error = 0;
                rocksdb_iter_get_error(iterator, &error);
                ThrowIf(error);
            }
            finally
            {
                if (iterator != 0)
                    rocksdb_iter_destroy(iterator);
                rocksdb_readoptions_destroy(options);
            }
        }
    }

    /// <summary>Compacts all of a family, which drops what has ended.</summary>
    /// <param name="isThorough">Whether each file is written anew, large values too.</param>
    public void Compact(int family, bool isThorough = false)
    {
        var options = rocksdb_compactoptions_create();
        if (isThorough)
        {
            rocksdb_compactoptions_set_bottommost_level_compaction(options, ForceBottommost);
            rocksdb_compactoptions_set_blob_garbage_collection_policy(options, ForceBlobs);
            rocksdb_compactoptions_set_blob_garbage_collection_age_cutoff(options, 1);
        }
        rocksdb_compact_range_cf_opt(_db, _families[family], options, null, 0, null, 0);
        rocksdb_compactoptions_destroy(options);
    }

    /// <summary>Ends a <see cref="Compact"/> that is under way, and all later ones, before their time.</summary>
    public void StopCompacting() => rocksdb_disable_manual_compaction(_db);

    /// <summary>Writes what is in memory to files, after which there is no log of it.</summary>
    public void Flush()
    {
        var options = rocksdb_flushoptions_create();
        nint error = 0;
        fixed (nint* families = _families)
            rocksdb_flush_cfs(_db, options, families, _families.Length, &error);
        rocksdb_flushoptions_destroy(options);
        ThrowIf(error);
    }

    /// <summary>Closes, with all in files, so that the next start reads no log.</summary>
    public void Dispose()
    {
        try
        {
            Flush();
        }
        catch (RocksDbException)
        {
            // what could not be written to a file is in the log
        }
        foreach (var family in _families)
            rocksdb_column_family_handle_destroy(family);
        rocksdb_close(_db);
        rocksdb_writeoptions_destroy(_synced);
        rocksdb_writeoptions_destroy(_unsynced);
        rocksdb_readoptions_destroy(_read);
    }

    static nint MakeOptions()
    {
        var options = rocksdb_options_create();
        rocksdb_options_set_create_if_missing(options, 1);
        rocksdb_options_set_create_missing_column_families(options, 1);
        rocksdb_options_set_max_open_files(options, MaxOpenFiles);
        rocksdb_options_set_max_background_jobs(options, Math.Clamp(Environment.ProcessorCount / 2, 2, 4));
        rocksdb_options_set_max_total_wal_size(options, MaxLogBytes);
        // else a log that was deleted would not be missed
        rocksdb_options_set_track_and_verify_wals_in_manifest(options, 1);
        rocksdb_options_set_db_write_buffer_size(options, WriteBufferBytes);
        rocksdb_options_set_max_log_file_size(options, MaxTextLogBytes);
        rocksdb_options_set_keep_log_file_num(options, TextLogFiles);
        return options;
    }

    static nint MakeOptions(Family family, nint cache, nint filter)
    {
        var options = rocksdb_options_create();
        rocksdb_options_set_write_buffer_size(options, (nuint)family.BufferBytes);
        rocksdb_options_set_max_write_buffer_number(options, family.Buffers);
        rocksdb_options_set_compression(options, family.IsCompressed ? ZstdCompression : NoCompression);
        if (family.HasBlobs)
        {
            rocksdb_options_set_enable_blob_files(options, 1);
            rocksdb_options_set_min_blob_size(options, MinBlobBytes);
            rocksdb_options_set_enable_blob_gc(options, 1);
        }
        // of blobs it would have to read each to know when it ends
        else if (filter != 0)
        {
            rocksdb_options_set_compaction_filter(options, filter);
            rocksdb_options_set_periodic_compaction_seconds(options, CompactedSeconds);
        }
        if (family.PrefixBytes > 0)
        {
            rocksdb_options_set_prefix_extractor(
                options, rocksdb_slicetransform_create_fixed_prefix((nuint)family.PrefixBytes));
        }
        var tables = rocksdb_block_based_options_create();
        rocksdb_block_based_options_set_block_size(tables, (nuint)family.BlockBytes);
        rocksdb_block_based_options_set_block_cache(tables, cache);
        rocksdb_block_based_options_set_cache_index_and_filter_blocks(tables, 1);
        rocksdb_block_based_options_set_filter_policy(tables, rocksdb_filterpolicy_create_bloom_full(BloomBitsPerKey));
        rocksdb_options_set_block_based_table_factory(options, tables);
        rocksdb_block_based_options_destroy(tables);
        return options;
    }

    static byte[] PathBytes(string path) => Encoding.UTF8.GetBytes(path + '\0');
}

delegate T ReadValue<T>(ReadOnlySpan<byte> value);

delegate bool Visit(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value);

/// <summary>Rows that are written, or none of them.</summary>
sealed unsafe class WriteBatch(nint[] families) : IDisposable
{
    public nint Handle { get; } = rocksdb_writebatch_create();

    /// <summary>Rows that are written or deleted.</summary>
    public int Count => rocksdb_writebatch_count(Handle);

    public void Put(int family, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        fixed (byte* keyBytes = key)
        fixed (byte* valueBytes = value)
        {
            rocksdb_writebatch_put_cf(
                Handle, families[family], keyBytes, (nuint)key.Length, valueBytes, (nuint)value.Length);
        }
    }

    public void Delete(int family, ReadOnlySpan<byte> key)
    {
        fixed (byte* bytes = key)
            rocksdb_writebatch_delete_cf(Handle, families[family], bytes, (nuint)key.Length);
    }

    public void DeleteRange(int family, ReadOnlySpan<byte> from, ReadOnlySpan<byte> to)
    {
        fixed (byte* first = from)
        fixed (byte* last = to)
        {
            rocksdb_writebatch_delete_range_cf(
                Handle, families[family], first, (nuint)from.Length, last, (nuint)to.Length);
        }
    }

    public void Dispose() => rocksdb_writebatch_destroy(Handle);
}

/// <summary>How a column family keeps its rows.</summary>
/// <param name="BufferBytes">Of a write buffer: rows in memory before they become a file.</param>
/// <param name="Buffers">How many there are at most; then writes wait.</param>
/// <param name="BlockBytes">Read at once; more compress better.</param>
/// <param name="HasBlobs">Whether values are large and in files of their own.</param>
/// <param name="PrefixBytes">By so many first bytes of its keys a file is passed over; 0 for all of a key.</param>
sealed record Family(string Name, int BufferBytes, int Buffers = 2, int BlockBytes = 16 << 10,
    bool IsCompressed = true, bool HasBlobs = false, int PrefixBytes = 0)
{
    /// <summary>What is known of the store itself.</summary>
    public const int Meta = 0;

    /// <summary>When large rows end, in this order, and how large they are.</summary>
    public const int Expiries = 1;

    const int FirstTable = 2;

    /// <summary>In the order of their numbers. RocksDB wants the one called default.</summary>
    public static IReadOnlyList<Family> All { get; } =
    [
        new("default", 1 << 20),
        new("expiries", 2 << 20),
        .. Enum.GetValues<Table>().Select(Of),
    ];

    public static int NumberOf(Table table) => FirstTable + (int)table;

    /// <summary>Null for those that are none.</summary>
    public static Table? TableOf(int number) => number < FirstTable ? null : (Table)(number - FirstTable);

    static Family Of(Table table) => table switch
    {
        Table.BlockData => new("block_data", 32 << 20, 3, IsCompressed: false, HasBlobs: true),
        Table.KeptData => new("kept_data", 16 << 20, IsCompressed: false, HasBlobs: true),
        Table.Blocks => new("blocks", 4 << 20),
        Table.Summaries => new("summaries", 4 << 20, IsCompressed: false, HasBlobs: true),
        // the length of the partition, which is a half of a trace's id
        Table.Traces => new("traces", 16 << 20, PrefixBytes: 2 + sizeof(ulong)),
        Table.Commits => new("commits", 8 << 20, IsCompressed: false),
        Table.Names => new("names", 2 << 20),
        Table.Latencies => new("latencies", 8 << 20, IsCompressed: false),
        Table.State => new("state", 2 << 20),
        _ => new("claims", 4 << 20),
    };
}
