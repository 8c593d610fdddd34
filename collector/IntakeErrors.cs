using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Tracing.Model.Wire;
using ZstdSharp;

namespace Tracing.Collector;

/// <summary>What each failure of a request means over HTTP; OTLP and Zipkin differ only in how they word it.</summary>
sealed class IntakeErrors(ILogger<IntakeErrors> log, TimeProvider time)
{
    static readonly TimeSpan LogInterval = TimeSpan.FromMinutes(1);

    // by type of exception, of which there are few hundred at most
    readonly ConcurrentDictionary<string, Kind> _kinds = new();

    /// <summary>When a kind of failure was last logged, and how many were not since.</summary>
    sealed class Kind
    {
        public long? LoggedAt { get; set; }

        public int Suppressed { get; set; }
    }

    /// <summary>
    /// 4xx: the sender's mistake, which sending again does not mend. 503: the store failed or is behind, the sender
    /// keeps its spans and sends them again. 500: a defect of ours, which sending again would only repeat.
    /// </summary>
    public int StatusOf(Exception failure)
    {
        switch (failure)
        {
            case WireException:
            case BodyEncodingException { Unknown: false }:
                return StatusCodes.Status400BadRequest;
            case BodyEncodingException:
                return StatusCodes.Status415UnsupportedMediaType;
            case BodyTooLargeException:
                return StatusCodes.Status413PayloadTooLarge;
            case BadHttpRequestException broken:
                return broken.StatusCode;
            case IntakeBusyException:
                return StatusCodes.Status503ServiceUnavailable;
            case StoreFailedException { InnerException: { } inner }:
                LogOnceAMinute(NameOf(inner), suppressed => Log.StoreFailed(log, suppressed, inner));
                return StatusCodes.Status503ServiceUnavailable;
            default:
                LogOnceAMinute(NameOf(failure), suppressed => Log.IntakeFailed(log, suppressed, failure));
                return StatusCodes.Status500InternalServerError;
        }
    }

    /// <summary>What the sender is told; of a defect of ours no more than that it is one.</summary>
    public static string TextOf(Exception failure, int status) =>
        status == StatusCodes.Status500InternalServerError
            ? $"an error in the server ({failure.GetType().Name}); its log says more"
            : failure.Message;

    /// <summary>
    /// What decompressors throw at a body that is not what it claims: of gzip and deflate InvalidDataException or
    /// zlib's own, an IOException; of br InvalidOperationException too; of zstd its own and EndOfStreamException.
    /// </summary>
    public static bool IsBadCompression(Exception failure) =>
        failure is InvalidDataException or InvalidOperationException or IOException or ZstdException;

    /// <summary>For formats whose answers cannot say that a part was rejected.</summary>
    public void LogRejected(IntakeResult result)
    {
        if (result.Rejected > 0)
            LogOnceAMinute("rejected", suppressed =>
                Log.SpansRejected(log, result.Rejected, result.RejectedReason, suppressed));
    }

    static string NameOf(Exception failure) => failure.GetType().FullName ?? "";

    void LogOnceAMinute(string name, Action<int> write)
    {
        var kind = _kinds.GetOrAdd(name, _ => new Kind());
        int suppressed;
        lock (kind)
        {
            if (kind.LoggedAt is { } last && time.GetElapsedTime(last) < LogInterval)
            {
                kind.Suppressed++;
                return;
            }
            kind.LoggedAt = time.GetTimestamp();
            suppressed = kind.Suppressed;
            kind.Suppressed = 0;
        }
        write(suppressed);
    }
}

/// <summary>More is waiting than may wait: bodies being received, or spans to be written. Nothing was stored.</summary>
sealed class IntakeBusyException(string what) : Exception($"{what}; send again later");

/// <summary>The store could not take what was sent; nothing of it is acknowledged.</summary>
sealed class StoreFailedException(Exception inner) : Exception(inner.Message, inner);
