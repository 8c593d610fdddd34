using System.IO.Hashing;
using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Storage;

namespace Tracing.Collector;

/// <summary>What was left out of a request of which the rest is stored.</summary>
/// <param name="Rejected">Spans or data points left out because they were bad.</param>
/// <param name="RejectedReason">Why the first of them was; with none rejected, a warning; else null.</param>
readonly record struct IntakeResult(int Rejected, string? RejectedReason);

/// <summary>Turns the bytes of one message into spans.</summary>
delegate DecodedSpans SpanDecoder(ReadOnlyMemory<byte> body, WireLimits limits, DecodedMemory memory);

/// <summary>
/// The way of every request: decode, sample, store. Decoding is synchronous, so the sender hears of bad data; the call
/// returns only when the spans are durable and visible, so that a success is never given from memory.
/// </summary>
sealed class SpanIntake(
    ISpanStore store, CollectorOptions options, BodyBudget budget, AdaptiveSampling sampling, CollectorMetrics metrics,
    TimeProvider time)
{
    readonly WireLimits _limits = options.Limits;
    readonly TraceSampler _sampler = new(options.SampleRate);

    public CollectorMetrics Metrics { get; } = metrics;

    /// <param name="body">
    /// Decompressed; disposed once it is decoded, so that it is not held while the store works.
    /// </param>
    /// <exception cref="WireException">The body is malformed; nothing of it is stored.</exception>
    /// <exception cref="IntakeBusyException">The store is behind; nothing is stored.</exception>
    /// <exception cref="StoreFailedException">The store failed; nothing is acknowledged.</exception>
    public async Task<IntakeResult> AcceptAsync(
        RequestBody body, SpanDecoder decode, TransportMetrics transport, CancellationToken cancellationToken)
    {
        using var memory = budget.ForOne();
        DecodedSpans decoded;
        UInt128 hash;
        int bytes;
        using (body)
        {
            bytes = body.Memory.Length;
            transport.BytesReceived(bytes);
            decoded = decode(body.Memory, _limits, memory);
            hash = XxHash128.HashToUInt128(body.Memory.Span);
        }
        transport.SpansReceived(decoded.Spans.Count + decoded.Rejected);
        transport.SpansLost(decoded.Rejected);

        sampling.Observe(decoded.Spans);
        var kept = _sampler.KeepsAll
            ? decoded.Spans
            : decoded.Spans.FindAll(_sampler.Keeps).ConvertAll(_sampler.WithThreshold);
        transport.SpansLost(decoded.Spans.Count - kept.Count);
        var batch = new SpanBatch(kept, hash)
        {
            Counted = kept.Count == decoded.Spans.Count
                ? []
                : Count(decoded.Spans.FindAll(span => !_sampler.Keeps(span))),
            Bytes = bytes,
        };
        if (decoded.Spans.Count > 0)
            await StoreAsync(batch, transport, cancellationToken);
        return new IntakeResult(decoded.Rejected, decoded.RejectedReason);
    }

    /// <summary>The latencies of spans that are dropped, so that statistics are those of all.</summary>
    List<SeriesPoint> Count(List<Span> dropped)
    {
        // the store bounds the names
        var statistics = new SpanStatistics(time.GetUtcNow().ToUnixTimeMilliseconds(),
            new SeriesNames(int.MaxValue, int.MaxValue, int.MaxValue));
        statistics.Add(dropped);
        return statistics.Points(_ => true, long.MinValue, long.MaxValue);
    }

    async Task StoreAsync(SpanBatch batch, TransportMetrics transport, CancellationToken cancellationToken)
    {
        var stored = false;
        try
        {
            stored = await store.AppendAsync(batch, cancellationToken) != AppendOutcome.Overloaded;
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new StoreFailedException(e);
        }
        finally
        {
            if (!stored)
                transport.SpansLost(batch.Spans.Count);
        }
        if (!stored)
            throw new IntakeBusyException("the store cannot keep up");
    }
}
