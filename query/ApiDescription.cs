using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;

namespace Tracing.Query;

/// <summary>Our own API described by OpenAPI; Zipkin describes its own.</summary>
static class ApiDescription
{
    /// <summary>Parameters that are read as text, so that what is wrong with one is said in our words.</summary>
    static readonly HashSet<string> Numbers =
        ["limit", "offset", "depth", "spansPerTrace", "step", "rows", "minCount"];

    public static void AddApiDescription(this IServiceCollection services)
    {
        // numbers are never texts in our answers, but the framework would say that they may be
        services.ConfigureHttpJsonOptions(json => json.SerializerOptions.NumberHandling = JsonNumberHandling.Strict);
        services.AddOpenApi(options =>
        {
            // HEAD is GET without a body, and would repeat its name
            options.ShouldInclude = description => description.HttpMethod == HttpMethods.Get &&
                description.RelativePath?.StartsWith("api/tracing/", StringComparison.Ordinal) == true;
            options.AddDocumentTransformer((document, _, _) =>
            {
                document.Info.Title = "Tracing";
                document.Info.Version = typeof(ApiDescription).Assembly.GetName().Version?.ToString(3);
                document.Info.Description = "Search of traces, and what spans have in common. Times are nanoseconds, " +
                    "as texts where they exceed what JavaScript's numbers hold. Errors are RFC 9457 problems.";
                return Task.CompletedTask;
            });
            options.AddOperationTransformer((operation, _, _) =>
            {
                foreach (var parameter in operation.Parameters ?? [])
                {
                    if (parameter.Schema is OpenApiSchema schema && Numbers.Contains(parameter.Name ?? ""))
                        schema.Type = JsonSchemaType.Integer;
                }
                return Task.CompletedTask;
            });
        });
    }

    public static void MapApiDescription(this IEndpointRouteBuilder routes) =>
        routes.MapOpenApi("/api/tracing/openapi.json");
}
