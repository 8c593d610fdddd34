using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Tracing.Query;

/// <summary>Puts the read APIs into a host.</summary>
public static class QueryExtensions
{
    /// <summary>Adds what the read APIs need; an <c>ISpanStore</c> and a TimeProvider must be registered too.</summary>
    public static IServiceCollection AddQuery(this IServiceCollection services, QueryOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton<AnswerBudget>();
        services.AddSingleton<ZipkinQueryEndpoints>();
        services.AddApiDescription();
        return services;
    }

    /// <summary>Maps Zipkin's v2 read API and our own, all bound by the query timeout.</summary>
    public static void MapQuery(this IEndpointRouteBuilder routes, QueryOptions options)
    {
        if (!options.Enabled)
            return;
        var group = routes.MapGroup("").AddEndpointFilter((call, next) => LimitTimeAsync(call, next, options.Timeout));
        routes.ServiceProvider.GetRequiredService<ZipkinQueryEndpoints>().Map(group);
        var own = group.MapGroup("").ProducesProblem(StatusCodes.Status500InternalServerError);
        own.MapTraces();
        if (options.SearchEnabled)
        {
            own.MapSearch();
            own.MapCounts();
            own.MapStatistics();
            own.MapComparisons();
            own.MapTraceHistory();
        }
        routes.MapApiDescription();
    }

    /// <summary>
    /// Cancels the query when its time is over and says so with 500, as Zipkin does; a client that went away is not
    /// answered at all.
    /// </summary>
    static async ValueTask<object?> LimitTimeAsync(
        EndpointFilterInvocationContext invocation, EndpointFilterDelegate next, TimeSpan timeout)
    {
        if (timeout == TimeSpan.Zero)
            return await next(invocation);
        var context = invocation.HttpContext;
        var gone = context.RequestAborted;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(gone);
        limit.CancelAfter(timeout);
        context.RequestAborted = limit.Token;
        try
        {
            return await next(invocation);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !gone.IsCancellationRequested)
        {
            var response = context.Response;
            if (response.HasStarted)
            {
                // what was cut off must not look whole
                context.Abort();
                return TypedResults.Empty;
            }
            response.ContentLength = null;
            response.Headers.ContentEncoding = default;
            return TypedResults.Problem(
                $"the query took longer than {timeout} (Tracing:Query:Timeout)", statusCode: 500);
        }
        finally
        {
            context.RequestAborted = gone;
        }
    }
}
