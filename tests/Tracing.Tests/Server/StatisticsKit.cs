using System.Text.Json;
using Tracing.Model;
using Tracing.Storage;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>A server whose store answers from statistics in memory, and what they count.</summary>
sealed class StatisticsKit
{
    /// <summary>The minute of <see cref="Today"/>.</summary>
    public const long Minute = Today / 60_000;

    const long Millisecond = 1_000_000;

    public SpanStatistics Statistics { get; } = new(Today, new SeriesNames());

    /// <summary>The two minutes from Today on.</summary>
    public static string Window => "start=1767312000&end=1767312120";

    public Task<RunningServer> StartAsync() => IntakeTests.WithStoreAsync(
        new FaultyStore { Series = query => InMemorySeries.Answer(Statistics, query) });

    /// <summary>A span of so many milliseconds, in a minute from Today on.</summary>
    public StatisticsKit Add(string service, string operation, long millis, int minute = 0,
        SpanKind kind = SpanKind.Server, bool isError = false, ulong trace = 1, string traceState = "")
    {
        Statistics.Add([Otlp(trace, service, operation).At(minute * 60_000_000L, millis * 1000) with
        {
            Kind = kind,
            Status = isError ? StatusCode.Error : StatusCode.Unset,
            TraceState = traceState,
        }]);
        return this;
    }

    public StatisticsKit AddEdge(string caller, string callee, long callerMillis, long calleeMillis,
        SpanKind kind = SpanKind.Client, bool isError = false, string operation = "", string peerOperation = "")
    {
        var level = operation.Length == 0 ? SeriesLevel.ServiceEdge : SeriesLevel.OperationEdge;
        var series = new Series(
            level, caller, operation, kind, isError, Peer: callee, PeerOperation: peerOperation, Side: EdgeSide.Caller);
        if (callerMillis > 0)
            Statistics.Add(series, Minute, callerMillis * Millisecond);
        if (calleeMillis > 0)
            Statistics.Add(series with { Side = EdgeSide.Callee }, Minute, calleeMillis * Millisecond);
        return this;
    }

    public static List<JsonElement> List(JsonElement answer, string name) =>
        [.. answer.GetProperty(name).EnumerateArray()];

    public static double? Number(JsonElement answer, params string[] path)
    {
        foreach (var name in path)
            answer = answer.GetProperty(name);
        return answer.ValueKind == JsonValueKind.Null ? null : answer.GetDouble();
    }
}
