using Tracing.Instrumentation;
using Xunit;

namespace Tracing.Tests.Instrumentation;

/// <summary>OpenTelemetry's environment variables.</summary>
public sealed class EnvironmentTests
{
    [Theory]
    [InlineData("", "http://127.0.0.1:4318/v1/traces", "http://127.0.0.1:4318/v1/metrics")]
    [InlineData("ENDPOINT=http://h:1", "http://h:1/v1/traces", "http://h:1/v1/metrics")]
    [InlineData("ENDPOINT=https://h/base/", "https://h/base/v1/traces", "https://h/base/v1/metrics")]
    [InlineData("ENDPOINT=http://h TRACES_ENDPOINT=http://t/in", "http://t/in", "http://h/v1/metrics")]
    [InlineData("METRICS_ENDPOINT=http://m:2/in", "http://127.0.0.1:4318/v1/traces", "http://m:2/in")]
    [InlineData("PROTOCOL=grpc", "http://127.0.0.1:4317/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        "http://127.0.0.1:4317/opentelemetry.proto.collector.metrics.v1.MetricsService/Export")]
    [InlineData("PROTOCOL=grpc ENDPOINT=http://h:5 METRICS_PROTOCOL=http/protobuf",
        "http://h:5/opentelemetry.proto.collector.trace.v1.TraceService/Export", "http://h:5/v1/metrics")]
    public void Each_signal_has_its_address(string variables, string traces, string metrics)
    {
        var options = Options(Exporter(variables));
        options.Resolve();

        Assert.Equal((traces, metrics), (options.Traces.Address.AbsoluteUri, options.Metrics.Address.AbsoluteUri));
        Assert.Empty(options.Problems);
    }

    [Theory]
    [InlineData("http://h", ReportFormat.Otlp, "http://h/v1/traces")]
    [InlineData("http://h/base", ReportFormat.Otlp, "http://h/base/v1/traces")]
    [InlineData("http://h/v1/traces", ReportFormat.Otlp, "http://h/v1/traces")]
    [InlineData("http://h/zipkin", ReportFormat.ZipkinJson, "http://h/zipkin/api/v2/spans")]
    public void What_is_set_in_code_goes_first(string address, ReportFormat format, string traces)
    {
        var options = Options(Exporter(
            "ENDPOINT=nonsense TRACES_ENDPOINT=http://t PROTOCOL=grpc HEADERS=a=1,b=2 COMPRESSION=gzip"));
        (options.Endpoint, options.Format, options.Gzip) = (new Uri(address), format, false);
        options.Headers["B"] = "3";
        options.Resolve();

        Assert.Equal((traces, false), (options.Traces.Address.AbsoluteUri, options.Traces.Gzip));
        Assert.Equal("a=1,b=3", Text(options.Traces.Headers));
    }

    [Theory]
    [InlineData("ENDPOINT", "localhost:4318")]
    [InlineData("ENDPOINT", "10.0.0.1:4318")]
    [InlineData("TRACES_ENDPOINT", "collector/v1/traces")]
    [InlineData("METRICS_ENDPOINT", "http://")]
    public void An_address_that_is_none_is_named_at_the_start(string name, string value)
    {
        var problem = Assert.Throws<ArgumentException>(() => Options(Exporter($"{name}={value}")).Resolve());

        Assert.StartsWith($"OTEL_EXPORTER_OTLP_{name} is \"{value}\"", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Headers_times_and_compression_are_those_of_the_signal_if_it_has_its_own()
    {
        var options = Options(Exporter(
            "HEADERS=authorization=Basic%20x%3D,b=2 METRICS_HEADERS=c=3 TIMEOUT=500 METRICS_TIMEOUT=700 " +
            "TRACES_COMPRESSION=gzip"));
        options.Resolve();

        Assert.Equal(("authorization=Basic x=,b=2", "c=3"),
            (Text(options.Traces.Headers), Text(options.Metrics.Headers)));
        Assert.Equal((0.5, 0.7), (options.Traces.Timeout.TotalSeconds, options.Metrics.Timeout.TotalSeconds));
        Assert.Equal((true, false), (options.Traces.Gzip, options.Metrics.Gzip));
    }

    [Theory]
    [InlineData("", "", 1, CallerDecisions.Keep)]
    [InlineData("always_on", "", 1, CallerDecisions.Ignore)]
    [InlineData("always_off", "", 0, CallerDecisions.Ignore)]
    [InlineData("traceidratio", "0.25", 0.25, CallerDecisions.Ignore)]
    [InlineData("parentbased_always_on", "", 1, CallerDecisions.Keep)]
    [InlineData("parentbased_always_off", "", 0, CallerDecisions.Keep)]
    [InlineData("parentbased_traceidratio", "0.5", 0.5, CallerDecisions.Keep)]
    public void A_sampler_can_be_asked_for(string name, string argument, double share, CallerDecisions callers)
    {
        var options = Options(("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", argument));
        options.Resolve();

        Assert.Equal((share, callers), (options.Sampler.ThresholdOf("any").Probability, options.CallerDecisions));
        Assert.Empty(options.Problems);
        options.Sampler = Sampler.Never;
        Assert.Equal(CallerDecisions.Keep, options.CallerDecisions);
    }

    [Fact]
    public void The_process_is_described_by_both_and_code_goes_first()
    {
        var options = Options(("OTEL_RESOURCE_ATTRIBUTES", "service.name=shop,shop.floor=7,note=a%2Cb"));
        options.ResourceAttributes["shop.floor"] = 8L;
        Assert.Equal("shop", options.ServiceName);
        Assert.Equal("own", Options(("OTEL_SERVICE_NAME", "own"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=shop")).ServiceName);

        var all = OtlpResource.AttributesOf(options);

        Assert.Equal(("shop", 8L, "a,b"), (all["service.name"], all["shop.floor"], all["note"]));
    }

    [Theory]
    [InlineData("OTEL_SDK_DISABLED", "yes")]
    [InlineData("OTEL_TRACES_SAMPLER", "xray")]
    [InlineData("OTEL_TRACES_SAMPLER_ARG", "2")]
    [InlineData("OTEL_PROPAGATORS", "jaeger")]
    [InlineData("OTEL_RESOURCE_ATTRIBUTES", "a=1,b")]
    [InlineData("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")]
    [InlineData("OTEL_EXPORTER_OTLP_TIMEOUT", "soon")]
    [InlineData("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd")]
    public void A_value_that_is_not_known_is_named_and_counts_as_not_set(string name, string value)
    {
        var options = Options((name, value), ("OTEL_TRACES_SAMPLER", name.EndsWith("_ARG") ? "traceidratio" : ""));
        options.Resolve();

        Assert.StartsWith($"{name} is \"{value}\"", Assert.Single(options.Problems), StringComparison.Ordinal);
        Assert.Equal(("http://127.0.0.1:4318/v1/traces", false, 1),
            (options.Traces.Address.AbsoluteUri, options.Disabled, options.Sampler.ThresholdOf("any").Probability));
    }

    [Fact]
    public void What_is_off_is_off()
    {
        Assert.True(Options(("OTEL_SDK_DISABLED", "TRUE")).Disabled);
        Assert.True(Options(("OTEL_TRACES_EXPORTER", "none")).Disabled);
        Assert.False(Options(("OTEL_METRICS_EXPORTER", "none")).Histograms);
        Assert.Equal(PropagationFormats.B3Single | PropagationFormats.TraceContext,
            Options(("OTEL_PROPAGATORS", "tracecontext,baggage,b3")).Propagation);
    }

    [Theory]
    [InlineData("a b", "secret")]
    [InlineData("a", "1\r\nb: 2")]
    [InlineData("a", "\u00e4")]
    public void A_header_that_cannot_be_sent_is_named_without_its_value(string name, string value)
    {
        var options = Options();
        options.Headers[name] = value;

        var problem = Assert.Throws<ArgumentException>(options.Resolve);

        Assert.Contains($"Headers[\"{name}\"]", problem.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(value, problem.Message, StringComparison.Ordinal);
    }

    static TracingOptions Options(params (string Name, string Value)[] variables) =>
        new(name => variables.LastOrDefault(each => each.Name == name && each.Value.Length > 0).Value);

    static (string, string)[] Exporter(string variables) =>
    [
        .. variables.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(each => each.Split('=', 2))
            .Select(each => ("OTEL_EXPORTER_OTLP_" + each[0], each[1])),
    ];

    static string Text(IReadOnlyDictionary<string, string> headers) =>
        string.Join(',', headers.Select(each => $"{each.Key}={each.Value}"));
}
