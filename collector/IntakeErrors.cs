using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Tracing.Model.Wire;

namespace Tracing.Collector;

/// <summary>What each failure of a request means over HTTP; OTLP and Zipkin differ only in how they word it.</summary>
static class IntakeErrors
{
    /// <summary>
    /// 4xx: sending the same again is useless. 503: the store failed or is behind, the sender keeps its spans and sends
    /// them again; a failing store is logged here, since the sender's operators are seldom ours.
    /// </summary>
    public static int StatusOf(Exception failure, ILogger log)
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
            default:
                Log.StoreFailed(log, failure);
                return StatusCodes.Status503ServiceUnavailable;
        }
    }
}

/// <summary>More is waiting than may wait: bodies being received, or spans to be written. Nothing was stored.</summary>
sealed class IntakeBusyException(string what) : Exception($"{what}; send again later");
