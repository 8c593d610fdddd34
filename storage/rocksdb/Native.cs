using System.Runtime.InteropServices;

namespace Tracing.Storage.RocksDb;

/// <summary>What is used of RocksDB's C API (c.h), under its names there.</summary>
static unsafe partial class Native
{
    const string Library = "rocksdb";

    static Native() => NativeLibrary.SetDllImportResolver(typeof(Native).Assembly, (name, assembly, search) =>
        NativeLibrary.TryLoad(name, assembly, search, out var handle) ||
        // built against musl, as on Alpine
        (name == Library && NativeLibrary.TryLoad(Library + "-musl", assembly, search, out handle)) ? handle : 0);

    /// <exception cref="RocksDbException">There is an error; its text names the file, where it is of one.</exception>
    public static void ThrowIf(nint error)
    {
        if (error == 0)
            return;
        var message = Marshal.PtrToStringUTF8(error) ?? "";
        rocksdb_free(error);
        throw new RocksDbException(message);
    }

    [LibraryImport(Library)] internal static partial void rocksdb_free(nint memory);

    // options
    [LibraryImport(Library)] internal static partial nint rocksdb_options_create();
    [LibraryImport(Library)] internal static partial void rocksdb_options_destroy(nint options);
    [LibraryImport(Library)] internal static partial void rocksdb_options_set_create_if_missing(nint o, byte value);
    [LibraryImport(Library)]
    internal static partial void rocksdb_options_set_create_missing_column_families(nint o, byte value);
    [LibraryImport(Library)] internal static partial void rocksdb_options_set_max_open_files(nint o, int value);
    [LibraryImport(Library)] internal static partial void rocksdb_options_set_max_background_jobs(nint o, int value);
    [LibraryImport(Library)] internal static partial void rocksdb_options_set_max_total_wal_size(nint o, ulong value);
    [LibraryImport(Library)]
    internal static partial void rocksdb_options_set_track_and_verify_wals_in_manifest(nint o, byte value);
    [LibraryImport(Library)] internal static partial void rocksdb_options_set_db_write_buffer_size(nint o, nuint value);
    [LibraryImport(Library)] internal static partial void rocksdb_options_set_max_log_file_size(nint o, nuint value);
    [LibraryImport(Library)] internal static partial void rocksdb_options_set_keep_log_file_num(nint o, nuint value);
    [LibraryImport(Library)] internal static partial void rocksdb_options_set_write_buffer_size(nint o, nuint value);
    [LibraryImport(Library)]
    internal static partial void rocksdb_options_set_max_write_buffer_number(nint o, int value);
    [LibraryImport(Library)] internal static partial void rocksdb_options_set_compression(nint o, int value);
    [LibraryImport(Library)]
    internal static partial void rocksdb_options_set_periodic_compaction_seconds(nint o, ulong value);
    [LibraryImport(Library)] internal static partial void rocksdb_options_set_enable_blob_files(nint o, byte value);
    [LibraryImport(Library)] internal static partial void rocksdb_options_set_min_blob_size(nint o, ulong value);
    [LibraryImport(Library)] internal static partial void rocksdb_options_set_enable_blob_gc(nint o, byte value);
    [LibraryImport(Library)] internal static partial void rocksdb_options_set_prefix_extractor(nint o, nint transform);
    [LibraryImport(Library)] internal static partial void rocksdb_options_set_compaction_filter(nint o, nint filter);
    [LibraryImport(Library)]
    internal static partial void rocksdb_options_set_block_based_table_factory(nint o, nint tableOptions);
    [LibraryImport(Library)] internal static partial nint rocksdb_block_based_options_create();
    [LibraryImport(Library)] internal static partial void rocksdb_block_based_options_destroy(nint o);
    [LibraryImport(Library)]
    internal static partial void rocksdb_block_based_options_set_block_size(nint o, nuint value);
    [LibraryImport(Library)]
    internal static partial void rocksdb_block_based_options_set_block_cache(nint o, nint cache);
    [LibraryImport(Library)]
    internal static partial void rocksdb_block_based_options_set_filter_policy(nint o, nint policy);
    [LibraryImport(Library)]
    internal static partial void rocksdb_block_based_options_set_cache_index_and_filter_blocks(nint o, byte value);
    [LibraryImport(Library)] internal static partial nint rocksdb_cache_create_lru(nuint capacity);
    [LibraryImport(Library)] internal static partial void rocksdb_cache_destroy(nint cache);
    [LibraryImport(Library)] internal static partial nint rocksdb_filterpolicy_create_bloom_full(double bitsPerKey);
    [LibraryImport(Library)] internal static partial nint rocksdb_slicetransform_create_fixed_prefix(nuint length);
    [LibraryImport(Library)]
    internal static partial nint rocksdb_compactionfilter_create(
        void* state, delegate* unmanaged[Cdecl]<void*, void> destructor,
        delegate* unmanaged[Cdecl]<void*, int, byte*, nuint, byte*, nuint, byte**, nuint*, byte*, byte> filter,
        delegate* unmanaged[Cdecl]<void*, byte*> name);
    [LibraryImport(Library)] internal static partial void rocksdb_compactionfilter_destroy(nint filter);

    // opening and closing
    [LibraryImport(Library)]
    internal static partial nint rocksdb_open_column_families(nint options, byte* path, int count, byte** names,
        nint* familyOptions, nint* families, nint* error);
    [LibraryImport(Library)]
    internal static partial byte** rocksdb_list_column_families(
        nint options, byte* path, out nuint count, nint* error);
    [LibraryImport(Library)]
    internal static partial void rocksdb_list_column_families_destroy(byte** names, nuint count);
    [LibraryImport(Library)] internal static partial void rocksdb_column_family_handle_destroy(nint family);
    [LibraryImport(Library)] internal static partial void rocksdb_close(nint db);
    [LibraryImport(Library)] internal static partial nint rocksdb_flushoptions_create();
    [LibraryImport(Library)] internal static partial void rocksdb_flushoptions_destroy(nint options);
    [LibraryImport(Library)]
    internal static partial void rocksdb_flush_cfs(nint db, nint options, nint* families, int count, nint* error);
    [LibraryImport(Library)]
    internal static partial void rocksdb_compact_range_cf_opt(
        nint db, nint family, nint options, byte* from, nuint fromLength, byte* to, nuint toLength);
    [LibraryImport(Library)] internal static partial nint rocksdb_compactoptions_create();
    [LibraryImport(Library)] internal static partial void rocksdb_compactoptions_destroy(nint options);
    [LibraryImport(Library)]
    internal static partial void rocksdb_compactoptions_set_bottommost_level_compaction(nint options, byte value);
    [LibraryImport(Library)]
    internal static partial void rocksdb_compactoptions_set_blob_garbage_collection_policy(nint options, int value);
    [LibraryImport(Library)]
    internal static partial void rocksdb_compactoptions_set_blob_garbage_collection_age_cutoff(
        nint options, double value);

    [LibraryImport(Library)] internal static partial void rocksdb_disable_manual_compaction(nint db);

    // writing
    [LibraryImport(Library)] internal static partial nint rocksdb_writeoptions_create();
    [LibraryImport(Library)] internal static partial void rocksdb_writeoptions_destroy(nint options);
    [LibraryImport(Library)] internal static partial void rocksdb_writeoptions_set_sync(nint options, byte value);
    [LibraryImport(Library)] internal static partial nint rocksdb_writebatch_create();
    [LibraryImport(Library)] internal static partial void rocksdb_writebatch_destroy(nint batch);
    [LibraryImport(Library)] internal static partial int rocksdb_writebatch_count(nint batch);
    [LibraryImport(Library)]
    internal static partial void rocksdb_writebatch_put_cf(
        nint batch, nint family, byte* key, nuint keyLength, byte* value, nuint valueLength);
    [LibraryImport(Library)]
    internal static partial void rocksdb_writebatch_delete_cf(nint batch, nint family, byte* key, nuint keyLength);
    [LibraryImport(Library)]
    internal static partial void rocksdb_writebatch_delete_range_cf(
        nint batch, nint family, byte* from, nuint fromLength, byte* to, nuint toLength);
    [LibraryImport(Library)]
    internal static partial void rocksdb_write(nint db, nint options, nint batch, nint* error);

    // reading
    [LibraryImport(Library)] internal static partial ulong rocksdb_get_latest_sequence_number(nint db);
    [LibraryImport(Library)] internal static partial nint rocksdb_readoptions_create();
    [LibraryImport(Library)] internal static partial void rocksdb_readoptions_destroy(nint options);
    [LibraryImport(Library)]
    internal static partial void rocksdb_readoptions_set_iterate_lower_bound(nint options, byte* key, nuint length);
    [LibraryImport(Library)]
    internal static partial void rocksdb_readoptions_set_iterate_upper_bound(nint options, byte* key, nuint length);
    [LibraryImport(Library)]
    internal static partial void rocksdb_readoptions_set_total_order_seek(nint options, byte value);
    [LibraryImport(Library)]
    internal static partial nint rocksdb_get_pinned_cf(
        nint db, nint options, nint family, byte* key, nuint keyLength, nint* error);
    [LibraryImport(Library)] internal static partial byte* rocksdb_pinnableslice_value(nint slice, out nuint length);
    [LibraryImport(Library)] internal static partial void rocksdb_pinnableslice_destroy(nint slice);
    [LibraryImport(Library)]
    internal static partial nint rocksdb_create_iterator_cf(nint db, nint options, nint family);
    [LibraryImport(Library)] internal static partial void rocksdb_iter_destroy(nint iterator);
    [LibraryImport(Library)] internal static partial byte rocksdb_iter_valid(nint iterator);
    [LibraryImport(Library)] internal static partial void rocksdb_iter_seek(nint iterator, byte* key, nuint length);
    [LibraryImport(Library)] internal static partial void rocksdb_iter_seek_to_last(nint iterator);
    [LibraryImport(Library)] internal static partial void rocksdb_iter_next(nint iterator);
    [LibraryImport(Library)] internal static partial void rocksdb_iter_prev(nint iterator);
    [LibraryImport(Library)] internal static partial byte* rocksdb_iter_key(nint iterator, out nuint length);
    [LibraryImport(Library)] internal static partial byte* rocksdb_iter_value(nint iterator, out nuint length);
    [LibraryImport(Library)] internal static partial void rocksdb_iter_get_error(nint iterator, nint* error);
}

/// <summary>What RocksDB says when something fails.</summary>
sealed class RocksDbException(string message) : IOException(message);
