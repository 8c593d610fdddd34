using System.Globalization;
using DuckDB.NET.Data;
using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// All tables on the side of the writer, and what of them is kept in memory. One thread writes; readers use the
/// resources, scopes and names.
/// </summary>
sealed class StoreTables : IDisposable
{
    readonly DuckDBConnection _connection;
    readonly TableAppender _spans;
    readonly RecentBodies _bodies;
    readonly HashSet<string> _autocompleteKeys;
    long _nextSeq;

    public StoreTables(DuckDBConnection connection, IEnumerable<string> autocompleteKeys)
    {
        _connection = connection;
        _autocompleteKeys = [.. autocompleteKeys];
        _spans = new TableAppender(connection, "spans");
        _bodies = new RecentBodies(connection);
        Resources = new DistinctTable<Resource>(connection, "resources", Resource.Empty,
            OtlpProtobuf.EncodeResource, bytes => OtlpProtobuf.DecodeResource(bytes));
        Scopes = new DistinctTable<InstrumentationScope>(connection, "scopes", InstrumentationScope.Empty,
            OtlpProtobuf.EncodeScope, bytes => OtlpProtobuf.DecodeScope(bytes));
        SpanNames = new Names(connection, "span_names");
        RemoteServices = new Names(connection, "remote_services");
        TagValues = new Names(connection, "tag_values");
        var last = connection.Scalar("SELECT coalesce(max(seq), 0) FROM spans");
        _nextSeq = Convert.ToInt64(last, CultureInfo.InvariantCulture) + 1;
    }

    public DistinctTable<Resource> Resources { get; }

    public DistinctTable<InstrumentationScope> Scopes { get; }

    /// <summary>By service; every service is a key, one of unnamed spans with an empty name.</summary>
    public Names SpanNames { get; }

    /// <summary>By service.</summary>
    public Names RemoteServices { get; }

    /// <summary>By autocomplete key.</summary>
    public Names TagValues { get; }

    /// <summary>
    /// Writes batches in one transaction; returns when they are durable, as DuckDB syncs its log before a commit
    /// returns. When it throws, nothing of them is stored.
    /// </summary>
    public AppendOutcome[] Write(IReadOnlyList<SpanBatch> batches, long nowMillis)
    {
        _connection.Execute("BEGIN TRANSACTION");
        try
        {
            var outcomes = new AppendOutcome[batches.Count];
            for (var i = 0; i < outcomes.Length; i++)
            {
                outcomes[i] = _bodies.TryAdd(batches[i].BodyHash, nowMillis)
                    ? AppendOutcome.Stored
                    : AppendOutcome.AlreadyStored;
                if (outcomes[i] == AppendOutcome.Stored)
                    Append(batches[i].Spans);
            }
            Flush(nowMillis);
            _connection.Execute("COMMIT");
            Publish(nowMillis);
            return outcomes;
        }
        catch
        {
            Discard();
            throw;
        }
    }

    public void Dispose()
    {
        _spans.Dispose();
        _bodies.Dispose();
        Resources.Dispose();
        Scopes.Dispose();
        SpanNames.Dispose();
        RemoteServices.Dispose();
        TagValues.Dispose();
    }

    void Append(IReadOnlyList<Span> spans)
    {
        foreach (var span in spans)
        {
            var names = SearchNames.Of(span);
            SpanTable.Append(_spans, _nextSeq++, span, names,
                Resources.IdOf(span.Resource), Scopes.IdOf(span.Scope));
            if (names.Service.Length > 0)
            {
                SpanNames.Add(names.Service, names.Name);
                if (names.RemoteService.Length > 0)
                    RemoteServices.Add(names.Service, names.RemoteService);
            }
            if (_autocompleteKeys.Count > 0)
                AppendTagValues(span);
        }
    }

    void AppendTagValues(Span span)
    {
        foreach (var (key, value) in span.Attributes)
        {
            if (_autocompleteKeys.Contains(key))
                TagValues.Add(key, ZipkinMapping.TagText(value));
        }
    }

    void Flush(long nowMillis)
    {
        _spans.Flush();
        _bodies.Flush(nowMillis);
        Resources.Flush();
        Scopes.Flush();
        SpanNames.Flush();
        RemoteServices.Flush();
        TagValues.Flush();
    }

    void Publish(long nowMillis)
    {
        _bodies.Publish(nowMillis);
        Resources.Publish();
        Scopes.Publish();
        SpanNames.Publish();
        RemoteServices.Publish();
        TagValues.Publish();
    }

    void Discard()
    {
        _spans.Discard();
        _bodies.Discard();
        Resources.Discard();
        Scopes.Discard();
        SpanNames.Discard();
        RemoteServices.Discard();
        TagValues.Discard();
        try
        {
            _connection.Execute("ROLLBACK");
        }
        catch (DuckDBException)
        {
            // a failed commit has rolled back already, and then there is nothing to roll back
        }
    }
}
