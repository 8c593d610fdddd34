using System.Text.Json;
using Microsoft.AspNetCore.Routing;
using Xunit;

namespace Tracing.Tests;

public sealed class ApiDescriptionTests
{
    const string Self = "/api/tracing/openapi.json";

    [Fact]
    public async Task Every_route_of_our_API_is_described_and_no_other()
    {
        await using var server = await RunningServer.StartAsync();
        var document = await server.GetJsonAsync(Self);
        Assert.StartsWith("3.", document.GetProperty("openapi").GetString(), StringComparison.Ordinal);
        var mapped = server.Endpoints.OfType<RouteEndpoint>()
            .Select(endpoint => endpoint.RoutePattern.RawText!)
            .Where(route => route.StartsWith("/api/tracing/", StringComparison.Ordinal) && route != Self)
            .Distinct().Order().ToList();
        Assert.Equal(17, mapped.Count);
        Assert.Equal(mapped, document.GetProperty("paths").EnumerateObject().Select(path => path.Name).Order());
    }

    [Fact]
    public async Task Parameters_and_answers_are_described()
    {
        await using var server = await RunningServer.StartAsync();
        var document = await server.GetJsonAsync(Self);
        foreach (var path in document.GetProperty("paths").EnumerateObject())
        {
            var operation = Assert.Single(path.Value.EnumerateObject()).Value;
            Assert.NotEmpty(operation.GetProperty("operationId").GetString()!);
            Assert.NotEmpty(operation.GetProperty("summary").GetString()!);
            var responses = operation.GetProperty("responses");
            Assert.NotNull(SchemaOf(responses, "200", path.Name.EndsWith("/outline", StringComparison.Ordinal)
                ? "application/x-ndjson"
                : "application/json"));
            // what takes no parameters refuses none
            if (!operation.TryGetProperty("parameters", out var parameters))
                continue;
            Assert.All(parameters.EnumerateArray(), parameter => Assert.True(
                parameter.TryGetProperty("description", out var text) && text.GetString()!.Length > 10,
                $"{path.Name}: {parameter}"));
            Assert.Equal("#/components/schemas/ProblemDetails",
                SchemaOf(responses, "400", "application/problem+json"));
        }
        var limit = document.GetProperty("paths").GetProperty("/api/tracing/search").GetProperty("get")
            .GetProperty("parameters").EnumerateArray().Single(p => p.GetProperty("name").GetString() == "limit");
        Assert.Equal("integer", limit.GetProperty("schema").GetProperty("type").GetString());
    }

    static string? SchemaOf(JsonElement responses, string status, string type) => responses.GetProperty(status)
        .GetProperty("content").GetProperty(type).GetProperty("schema").GetProperty("$ref").GetString();
}
