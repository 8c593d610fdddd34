using DuckDB.NET.Data;
using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Appends spans, with their resources and scopes, to one partition. The writer thread adds within its transaction,
/// then calls <see cref="Publish"/> or <see cref="Discard"/>.
/// </summary>
sealed class PartitionWriter : IDisposable
{
    readonly AttributeWriter _attributes;
    readonly RecentRows _recent;
    readonly TableAppender _spans;
    readonly CountedTable _counted;
    readonly DistinctTable<Resource> _resources;
    readonly DistinctTable<InstrumentationScope> _scopes;
    long _added;
    long _addedCounted;

    public PartitionWriter(DuckDBConnection connection, Partition partition)
    {
        Partition = partition;
        _attributes = new AttributeWriter(
            connection, partition.Database, partition.Layout, partition.Contents.Shapes);
        _recent = partition.Recent = new RecentRows(partition.SpanCount);
        _spans = new TableAppender(connection, partition.Database, "spans", _recent);
        _counted = new CountedTable(new TableAppender(connection, partition.Database, "counted"));
        _resources = new DistinctTable<Resource>(
            new TableAppender(connection, partition.Database, "resources"), partition.Contents.Resources,
            OtlpProtobuf.EncodeResource);
        _scopes = new DistinctTable<InstrumentationScope>(
            new TableAppender(connection, partition.Database, "scopes"), partition.Contents.Scopes,
            OtlpProtobuf.EncodeScope);
    }

    public Partition Partition { get; }

    /// <summary>Spans appended here since the start.</summary>
    public long Appended { get; private set; }

    public void Append(Span span, SearchNames names)
    {
        // rows are never deleted, so they are numbered without gaps
        var rowId = (int)(Partition.SpanCount + _added);
        SpanTable.Append(
            _spans, rowId, span, names, _resources.IdOf(span.Resource), _scopes.IdOf(span.Scope), _attributes);
        _recent.EndRow(span.TraceId.Low);
        // before the commit, so that whoever sees the span finds its trace here; harmless if it fails
        Partition.Filter.Add(span.TraceId.Low);
        if (span.StartUnixNano > 0)
            Partition.Widen(span.StartUnixNano, span.StartUnixNano);
        _added++;
    }

    public void Append(SeriesPoint point)
    {
        _counted.Append(point);
        _addedCounted++;
    }

    public void Flush()
    {
        _counted.Flush();
        _spans.Flush();
        _attributes.Flush();
        _resources.Flush();
        _scopes.Flush();
    }

    public void Publish()
    {
        _attributes.Publish();
        _resources.Publish();
        _scopes.Publish();
        // before the count, by which readers tell whether all rows are there
        _recent.Publish();
        Partition.SpanCount += _added;
        Partition.CountedRows += _addedCounted;
        _addedCounted = 0;
        Appended += _added;
        _added = 0;
    }

    public void Discard()
    {
        _added = 0;
        _addedCounted = 0;
        _recent.Discard();
        _counted.Discard();
        _spans.Discard();
        _attributes.Discard();
        _resources.Discard();
        _scopes.Discard();
    }

    public void Dispose()
    {
        _spans.Dispose();
        _counted.Dispose();
        _attributes.Dispose();
        _resources.Dispose();
        _scopes.Dispose();
    }
}
