using System.Buffers;
using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Storage;

namespace Tracing.Query;

/// <summary>Zipkin's v2 read API, answering as Zipkin 3.6.1 does; also mounted below /zipkin, as there.</summary>
sealed class ZipkinQueryEndpoints(ISpanStore store, QueryOptions options, TimeProvider time)
{
    const string Json = "application/json";

    /// <summary>
    /// Lists of names may be cached by browsers only when there are more names than this; Zipkin's rule.
    /// </summary>
    const int NamesWorthCaching = 3;

    volatile int _serviceCount;

    public void Map(IEndpointRouteBuilder routes)
    {
        foreach (var prefix in new[] { "", "/zipkin" })
        {
            var group = routes.MapGroup(prefix + "/api/v2").AddEndpointFilter(ZipkinErrorsAsync);
            Get(group, "/services", ServicesAsync);
            Get(group, "/spans", SpanNamesAsync);
            Get(group, "/remoteServices", RemoteServicesAsync);
            AnswerBudget.Bound(Get(group, "/traces", TracesAsync), areSearches: true);
            AnswerBudget.Bound(Get(group, "/trace/{traceId}", TraceAsync), areSearches: false);
            AnswerBudget.Bound(Get(group, "/traceMany", TraceManyAsync), areSearches: false);
            Get(group, "/dependencies", DependenciesAsync);
            Get(group, "/autocompleteKeys", AutocompleteKeysAsync);
            Get(group, "/autocompleteValues", AutocompleteValuesAsync);
        }
    }

    static RouteHandlerBuilder Get(
        RouteGroupBuilder group, string path, Func<HttpContext, CancellationToken, Task> handler) =>
        group.MapMethods(path, [HttpMethods.Get, HttpMethods.Head], async (HttpContext context) =>
        {
            await handler(context, context.RequestAborted);
            return Results.Empty;
        }).ExcludeFromDescription();

    /// <summary>What a handler throws, as Zipkin answers it.</summary>
    static async ValueTask<object?> ZipkinErrorsAsync(
        EndpointFilterInvocationContext invocation, EndpointFilterDelegate next)
    {
        try
        {
            return await next(invocation);
        }
        catch (BadParameterException e)
        {
            await Answer.WriteTextAsync(invocation.HttpContext, StatusCodes.Status400BadRequest, e.Message);
            return Results.Empty;
        }
    }

    async Task ServicesAsync(HttpContext context, CancellationToken token)
    {
        var names = options.SearchEnabled ? await store.GetServiceNamesAsync(token) : [];
        _serviceCount = names.Count;
        await WriteNamesAsync(context, names, names.Count > NamesWorthCaching);
    }

    async Task SpanNamesAsync(HttpContext context, CancellationToken token)
    {
        var service = ZipkinText.ToLower(new ZipkinParameters(context.Request).Required("serviceName"));
        var names = options.SearchEnabled ? await store.GetSpanNamesAsync(service, token) : [];
        await WriteNamesAsync(context, names, _serviceCount > NamesWorthCaching);
    }

    async Task RemoteServicesAsync(HttpContext context, CancellationToken token)
    {
        var service = ZipkinText.ToLower(new ZipkinParameters(context.Request).Required("serviceName"));
        var names = options.SearchEnabled ? await store.GetRemoteServiceNamesAsync(service, token) : [];
        await WriteNamesAsync(context, names, _serviceCount > NamesWorthCaching);
    }

    Task AutocompleteKeysAsync(HttpContext context, CancellationToken token) =>
        WriteNamesAsync(context, options.AutocompleteKeyList(), true);

    async Task AutocompleteValuesAsync(HttpContext context, CancellationToken token)
    {
        var key = new ZipkinParameters(context.Request).Required("key");
        ZipkinParameters.Check(key.Length > 0, "key was empty");
        var values = options.SearchEnabled ? await store.GetTagValuesAsync(key, token) : [];
        await WriteNamesAsync(context, values, values.Count > NamesWorthCaching);
    }

    async Task TracesAsync(HttpContext context, CancellationToken token)
    {
        var query = new ZipkinParameters(context.Request).Search(options, time);
        var traces = options.SearchEnabled ? await store.FindTracesAsync(query, token) : [];
        await WriteTracesAsync(context, traces);
    }

    async Task TraceAsync(HttpContext context, CancellationToken token)
    {
        var id = ZipkinParameters.TraceIdOf(ZipkinText.Trim((string)context.GetRouteValue("traceId")!));
        var traces = await store.GetTracesAsync([id], options.StrictTraceId, token);
        if (traces.Count == 0)
        {
            var text = $"{id.ToZipkinString()} not found";
            await Answer.WriteTextAsync(context, StatusCodes.Status404NotFound, text);
            return;
        }
        var body = new ArrayBufferWriter<byte>();
        ZipkinJson.Encode(body, traces[0]);
        await Answer.WriteAsync(context, Json, body.WrittenMemory);
    }

    async Task TraceManyAsync(HttpContext context, CancellationToken token)
    {
        var ids = new ZipkinParameters(context.Request).TraceIds();
        var traces = await store.GetTracesAsync(ids, options.StrictTraceId, token);
        // as Zipkin does: without strict ids an empty list stands for each trace that is absent
        var absent = options.StrictTraceId
            ? 0
            : ids.DistinctBy(id => id.Low, SeededHash.Comparer).Count() - traces.Count;
        await WriteTracesAsync(context, [.. traces, .. Enumerable.Repeat<IReadOnlyList<Span>>([], absent)]);
    }

    async Task DependenciesAsync(HttpContext context, CancellationToken token)
    {
        var parameters = new ZipkinParameters(context.Request);
        var end = parameters.RequiredNumber("endTs");
        var lookback = parameters.Number("lookback") ?? (long)options.DefaultLookback.TotalMilliseconds;
        ZipkinParameters.Check(end > 0, "endTs <= 0");
        ZipkinParameters.Check(lookback > 0, "lookback <= 0");

        // half of the time, so that the answer comes within it
        var patience = options.Timeout == TimeSpan.Zero ? Timeout.InfiniteTimeSpan : options.Timeout / 2;
        var known = await store.GetDependenciesAsync(Math.Max(0, end - lookback), end, patience, token);
        if (known.IsPartial)
            Answer.MarkPartial(context);
        var body = new ArrayBufferWriter<byte>();
        ZipkinAnswers.WriteLinks(body, known.Links);
        await Answer.WriteAsync(context, Json, body.WrittenMemory);
    }

    Task WriteNamesAsync(HttpContext context, IReadOnlyList<string> names, bool cache)
    {
        if (cache)
        {
            var seconds = ((long)options.NamesMaxAge.TotalSeconds).ToString(CultureInfo.InvariantCulture);
            context.Response.Headers.CacheControl = $"max-age={seconds}, must-revalidate";
        }
        var body = new ArrayBufferWriter<byte>();
        ZipkinAnswers.WriteNames(body, names);
        return Answer.WriteAsync(context, Json, body.WrittenMemory);
    }

    static Task WriteTracesAsync(HttpContext context, IReadOnlyList<IReadOnlyList<Span>> traces)
    {
        var body = new ArrayBufferWriter<byte>();
        ZipkinAnswers.WriteTraces(body, traces);
        return Answer.WriteAsync(context, Json, body.WrittenMemory);
    }
}
