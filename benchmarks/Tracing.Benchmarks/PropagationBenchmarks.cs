using System.Diagnostics;
using BenchmarkDotNet.Attributes;
using Tracing.Instrumentation;

namespace Tracing.Benchmarks;

/// <summary>What it costs to read a context from a request's headers and to write it to those of another.</summary>
[MemoryDiagnoser, Config(typeof(ShortIterations))]
public class PropagationBenchmarks
{
    static readonly Dictionary<string, string> W3C = new()
    {
        ["traceparent"] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ["tracestate"] = "ot=th:0",
    };

    static readonly Dictionary<string, string> B3 = new()
    {
        ["b3"] = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
    };

    readonly Dictionary<string, string> _out = new(8);
    readonly Activity _span = new Activity("call")
        .SetParentId("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").Start();

    [Benchmark]
    public ActivityContext W3CExtractAndInject() => ExtractAndInject(W3C, PropagationFormats.TraceContext);

    [Benchmark]
    public ActivityContext B3ExtractAndInject() => ExtractAndInject(B3, PropagationFormats.B3Single);

    ActivityContext ExtractAndInject(Dictionary<string, string> headers, PropagationFormats formats)
    {
        var extracted = Propagation.Extract(headers, static (from, name) => from.GetValueOrDefault(name));
        Propagation.Inject(_span, _out, static (to, name, value) => to[name] = value, formats);
        return extracted.Context;
    }
}
