using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// Appends spans, with their resources and scopes, to one partition. The writer thread adds within its transaction,
/// then calls <see cref="Publish"/> or <see cref="Discard"/>.
/// </summary>
sealed class PartitionWriter
{
    readonly OpenTables _tables;
    readonly AttributeWriter _attributes;
    readonly CountedTable _counted;
    readonly DistinctTable<Resource> _resources;
    readonly DistinctTable<InstrumentationScope> _scopes;

    public PartitionWriter(Partition partition)
    {
        Partition = partition;
        _tables = partition.Tables!;
        _attributes = new AttributeWriter(partition.Layout, partition.Contents.Shapes,
            _tables["attribute_keys"], _tables["attribute_values"], _tables["shapes"]);
        _counted = new CountedTable(_tables["counted"]);
        _resources = new DistinctTable<Resource>(
            _tables["resources"], partition.Contents.Resources, OtlpProtobuf.EncodeResource);
        _scopes = new DistinctTable<InstrumentationScope>(
            _tables["scopes"], partition.Contents.Scopes, OtlpProtobuf.EncodeScope);
    }

    public Partition Partition { get; }

    /// <summary>Spans appended here since the start.</summary>
    public long Appended { get; private set; }

    /// <summary>Whether another partition has to be begun, since this one's log can take no more.</summary>
    public bool IsBroken => _tables.IsBroken;

    /// <inheritdoc cref="OpenTables.Failure"/>
    public Exception? Failure => _tables.Failure;

    /// <inheritdoc cref="OpenTables.Acknowledged"/>
    public long Acknowledged => _tables.Acknowledged;

    /// <inheritdoc cref="OpenTables.Bytes"/>
    public long Bytes => _tables.Bytes;

    public void Append(Span span, SearchNames names, SpanMarks marks)
    {
        // rows are never deleted, so they are numbered without gaps
        SpanTable.Append(_tables.Spans, (int)_tables.Spans.Count, span, names, _resources.IdOf(span.Resource),
            _scopes.IdOf(span.Scope), _attributes, marks);
        // before the commit, so that whoever sees the span finds its trace here; harmless if it fails
        Partition.Filter.Add(span.TraceId.Low);
        if (span.StartUnixNano > 0)
            Partition.Widen(span.StartUnixNano, span.StartUnixNano);
    }

    public void Append(SeriesPoint point) => _counted.Append(point);

    /// <summary>Makes durable what was appended, here and by others to tables of the partition.</summary>
    public void Commit()
    {
        _attributes.Flush();
        _tables.Commit();
    }

    public void Publish()
    {
        Appended += _tables.Spans.Count - _tables.Spans.Published;
        _attributes.Publish();
        _resources.Publish();
        _scopes.Publish();
        _tables.Publish();
    }

    public void Discard()
    {
        _tables.Spans.Discard();
        _counted.Discard();
        _attributes.Discard();
        _resources.Discard();
        _scopes.Discard();
    }
}
