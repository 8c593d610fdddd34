using Cassandra;

namespace Tracing.Storage.Cassandra;

/// <summary>
/// The statements on the three tables that have blocks: their data, when their spans start, and which traces they have.
/// There are three for what groups store, and three for what is kept of slices that were thinned out.
/// </summary>
sealed class BlockTables
{
    /// <summary>Rows of a batch: from some on the cost of a row falls no further.</summary>
    const int RowsPerBatch = 100;

    readonly Connection _connection;
    readonly bool _isKept;
    readonly PreparedStatement _insertData;
    readonly PreparedStatement _insertHead;
    readonly PreparedStatement _insertTrace;
    readonly PreparedStatement _selectData;
    readonly PreparedStatement _selectHeads;
    readonly PreparedStatement _selectTrace;
    readonly PreparedStatement _deleteData;
    readonly PreparedStatement _deleteHeads;

    BlockTables(Connection connection, bool isKept, string data, string heads, string traces)
    {
        _connection = connection;
        _isKept = isKept;
        _insertData = connection.Prepare(
            $"INSERT INTO {data} (writer, stored, number, data) VALUES (?, ?, ?, ?) USING TTL ?");
        _insertHead = connection.Prepare(
            $"INSERT INTO {heads} (hour, stored, writer, number, min_start, max_start, spans) " +
            "VALUES (?, ?, ?, ?, ?, ?, ?) USING TTL ?");
        _insertTrace = connection.Prepare(
            $"INSERT INTO {traces} (low, stored, writer, number) VALUES (?, ?, ?, ?) USING TTL ?");
        _selectData = connection.Prepare($"SELECT data FROM {data} WHERE writer = ? AND stored = ? AND number = ?");
        _selectHeads = connection.Prepare(
            $"SELECT stored, writer, number, min_start, max_start, spans FROM {heads} WHERE hour = ?");
        _selectTrace = connection.Prepare($"SELECT stored, writer, number FROM {traces} WHERE low = ?");
        _deleteData = connection.Prepare($"DELETE FROM {data} WHERE writer = ? AND stored = ? AND number = ?");
        _deleteHeads = connection.Prepare($"DELETE FROM {heads} WHERE hour = ? AND stored >= ? AND stored < ?");
    }

    /// <summary>Those of what groups store.</summary>
    public static BlockTables Whole(Connection connection) =>
        new(connection, false, "block_data", "blocks", "traces");

    /// <summary>Those of what is kept of slices.</summary>
    public static BlockTables Kept(Connection connection) =>
        new(connection, true, "kept_data", "kept_blocks", "kept_traces");

    /// <summary>All rows of blocks, which may be written in any order.</summary>
    /// <param name="ttl">Seconds.</param>
    public IEnumerable<IStatement> Insert(IReadOnlyList<EncodedBlock> blocks, int ttl)
    {
        foreach (var (hour, head, data, _) in blocks)
        {
            var (stored, writer, number, _) = head.Id;
            yield return _insertData.Bind(writer, stored, number, data, ttl);
            yield return _insertHead.Bind(
                hour, stored, writer, number, (long)head.MinStart, (long)head.MaxStart, head.Spans, ttl);
        }
        foreach (var batch in InsertTraces(blocks, ttl))
            yield return batch;
    }

    public async Task<byte[]?> ReadDataAsync(BlockId id, CancellationToken cancellation)
    {
        var rows = await _connection.RunAsync(_selectData.Bind(id.Writer, id.Stored, id.Number), cancellation);
        return rows.FirstOrDefault()?.GetValue<byte[]>(0);
    }

    /// <summary>The blocks whose spans start in an hour.</summary>
    public Task<List<BlockHead>> ReadHeadsAsync(long hour, CancellationToken cancellation) =>
        _connection.ReadAsync(_selectHeads.Bind(hour), row => new BlockHead(
            IdOf(row), (ulong)row.GetValue<long>(3), (ulong)row.GetValue<long>(4), row.GetValue<int>(5)), cancellation);

    /// <summary>The blocks that have spans of traces with a low half of an id, in the order stored.</summary>
    public Task<List<BlockId>> ReadTraceAsync(ulong low, CancellationToken cancellation) =>
        _connection.ReadAsync(_selectTrace.Bind((long)low), IdOf, cancellation);

    public Task DeleteDataAsync(BlockId id) =>
        _connection.RunAsync(_deleteData.Bind(id.Writer, id.Stored, id.Number));

    /// <summary>Deletes the heads of an hour whose groups were begun within a time, its end excluded.</summary>
    public Task DeleteHeadsAsync(long hour, long fromStored, long toStored) =>
        _connection.RunAsync(_deleteHeads.Bind(hour, fromStored, toStored));

    BlockId IdOf(Row row) =>
        new(row.GetValue<long>(0), row.GetValue<long>(1), row.GetValue<int>(2), _isKept);

    /// <summary>Rows of the same replicas together, so that a batch is work of one node and its copies.</summary>
    IEnumerable<IStatement> InsertTraces(IReadOnlyList<EncodedBlock> blocks, int ttl)
    {
        var metadata = _connection.Session.Cluster.Metadata;
        var isOneNode = metadata.AllHosts().Count <= 1;
        var rows = blocks.SelectMany(block => block.Lows, (block, low) => (Low: low, block.Head.Id));
        var byReplica = rows.GroupBy(row => isOneNode ? null : metadata.GetReplicas(
            _connection.Options.Keyspace, KeyOf(row.Low)).FirstOrDefault()?.Address);
        foreach (var chunk in byReplica.SelectMany(ofReplica => ofReplica.Chunk(RowsPerBatch)))
        {
            var batch = new BatchStatement().SetBatchType(BatchType.Unlogged);
            foreach (var (low, id) in chunk)
                batch.Add(_insertTrace.Bind((long)low, id.Stored, id.Writer, id.Number, ttl));
            batch.SetRoutingKey(new RoutingKey { RawRoutingKey = KeyOf(chunk[0].Low) });
            batch.SetIdempotence(true);
            yield return batch;
        }
    }

    static byte[] KeyOf(ulong low)
    {
        var key = new byte[8];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(key, low);
        return key;
    }
}
