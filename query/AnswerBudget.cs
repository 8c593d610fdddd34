using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Tracing.Query;

/// <summary>
/// Bounds the memory of answers with spans: so many are made at a time, and those being written have a budget of bytes.
/// Whole traces and searches have places of their own, so that one does not keep the other waiting.
/// </summary>
sealed class AnswerBudget : IDisposable
{
    /// <summary>Bytes of all answers being written; beyond it 503. What is larger may be written alone.</summary>
    public const long MaxBytes = 512 << 20;

    public const string Full = "too many large answers are being written; ask again later";

    const int MaxMade = 4;

    /// <summary>The spans of an answer stay in memory with it, and are larger.</summary>
    const int BytesPerByte = 3;

    readonly SemaphoreSlim _traces = new(MaxMade);
    readonly SemaphoreSlim _searches = new(MaxMade);
    long _bytes;

    /// <summary>Has the answers of the routes count.</summary>
    public static RouteHandlerBuilder Bound(
        RouteHandlerBuilder route, bool areSearches) => route.AddEndpointFilter((call, next) =>
    {
        var budget = call.HttpContext.RequestServices.GetRequiredService<AnswerBudget>();
        return MakeAsync(call, next, budget, areSearches ? budget._searches : budget._traces);
    });

    /// <summary>Lets the next answer be made; false when this one must not be written.</summary>
    public static bool TryWrite(HttpContext context, long bytes) =>
        context.Items[typeof(Place)] is not Place place || place.TryWrite(bytes);

    static async ValueTask<object?> MakeAsync(EndpointFilterInvocationContext call, EndpointFilterDelegate next,
        AnswerBudget budget, SemaphoreSlim places)
    {
        var context = call.HttpContext;
        await places.WaitAsync(context.RequestAborted);
        using var place = new Place(budget, places);
        context.Items[typeof(Place)] = place;
        return await next(call);
    }

    public void Dispose()
    {
        _traces.Dispose();
        _searches.Dispose();
    }

    bool TryTake(long bytes)
    {
        var all = Interlocked.Add(ref _bytes, bytes);
        if (all <= MaxBytes || all == bytes)
            return true;
        Interlocked.Add(ref _bytes, -bytes);
        return false;
    }

    sealed class Place(AnswerBudget budget, SemaphoreSlim places) : IDisposable
    {
        long _taken;
        bool _isMade;

        public bool TryWrite(long bytes)
        {
            Leave();
            if (!budget.TryTake(bytes * BytesPerByte))
                return false;
            _taken += bytes * BytesPerByte;
            return true;
        }

        public void Dispose()
        {
            Leave();
            Interlocked.Add(ref budget._bytes, -_taken);
        }

        void Leave()
        {
            if (_isMade)
                return;
            _isMade = true;
            places.Release();
        }
    }
}
