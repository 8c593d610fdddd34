using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Google.Protobuf;
using Tracing.Model.Wire;
using Xunit;
using Proto = Tracing.Model.Wire.Proto.Otlp;

namespace Tracing.Tests;

public sealed class OtlpMetricsTests
{
    const ulong Time = 1_700_000_000_000_000_000;

    static readonly Gen<Proto.MetricsData> Bodies =
        from counts in Gen.Choose(0, 1000).Select(n => (ulong)n).ArrayOf(3)
        from buckets in Gen.Choose(0, 100_000).Select(n => (ulong)n).ListOf()
        from scale in Gen.Choose(-10, 20)
        from offset in Gen.Choose(-2000, 2000)
        from zeros in Gen.Choose(0, 5)
        from sum in Gen.Elements<double?>(null, 0, 12.5, 1e300)
        from temporality in Gen.Choose(0, 2)
        select Body(counts, [.. buckets], scale, offset, (ulong)zeros, sum, temporality);

    [Fact]
    public void Both_encodings_decode_to_what_the_generated_messages_hold() =>
        Prop.ForAll(Bodies.ToArbitrary(), body =>
        {
            var decoded = OtlpMetricsProtobuf.Decode(body.ToByteArray(), WireLimits.Default, IsWanted);
            var json = OtlpMetricsJson.Decode(Json(body), WireLimits.Default, IsWanted);
            foreach (var each in new[] { decoded, json })
            {
                Assert.Equal((0, 1, null), (each.Rejected, each.Ignored, each.RejectedReason));
                Assert.Equal(2, each.Points.Count);
                AssertSame(body, each.Points);
            }
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Damaged_bodies_are_refused_or_decoded_and_nothing_else()
    {
        var body = Body([1, 2, 3], [4, 0, 5], 3, -7, 1, 12.5, 2);
        foreach (var damaged in Damage.Cuts(body.ToByteArray()).Concat(Damage.Flips(body.ToByteArray(), 1)))
            Bears(() => OtlpMetricsProtobuf.Decode(damaged, WireLimits.Default, IsWanted), damaged.Length);
        foreach (var damaged in Damage.Cuts(Json(body)).Concat(Damage.Flips(Json(body), 2)))
            Bears(() => OtlpMetricsJson.Decode(damaged, WireLimits.Default, IsWanted), damaged.Length);
    }

    [Fact]
    public void Fields_in_the_reverse_order_mean_the_same()
    {
        const string Json = """
            {"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":[
            {"explicitBounds":[1],"bucketCounts":["1",2],"count":"3","timeUnixNano":"5"}],
            "aggregationTemporality":"AGGREGATION_TEMPORALITY_DELTA"},"unit":"s","name":"wanted"}],
            "scope":{"name":"late"}}],
            "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]}}]}
            """;
        var point = Assert.Single(
            OtlpMetricsJson.Decode(Encoding.UTF8.GetBytes(Json), WireLimits.Default, IsWanted).Points);
        Assert.Equal("wanted", point.Instrument.Name);
        Assert.Equal("s", point.Instrument.Unit);
        Assert.Equal("late", point.Instrument.Scope.Name);
        Assert.Equal("shop", point.Instrument.Resource.ServiceName);
        Assert.Equal(MetricTemporality.Delta, point.Instrument.Temporality);
    }

    [Theory]
    [InlineData("""{"timeUnixNano":1,"count":2,"bucketCounts":[1],"explicitBounds":[]}""", "buckets count 1")]
    [InlineData("""{"timeUnixNano":1,"count":1,"bucketCounts":[1],"explicitBounds":[1]}""", "1 buckets and 1 bounds")]
    [InlineData("""{"timeUnixNano":1,"count":0,"bucketCounts":[0,0,0],"explicitBounds":[2,1]}""", "bound 1")]
    [InlineData("""{"timeUnixNano":1,"count":0,"bucketCounts":[0,0],"explicitBounds":["NaN"]}""", "bound 0")]
    [InlineData("""{"count":1}""", "no time")]
    [InlineData("null", "a data point is null, not an object")]
    [InlineData("""{"timeUnixNano":1,"bucketCounts":{}}""", "bucketCounts is an object, not a list")]
    [InlineData("""{"timeUnixNano":1,"count":-1}""", "count is \"-1\"")]
    public void A_bad_data_point_is_rejected_alone_with_its_place(string bad, string reason)
    {
        var json = $$$"""
            {"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"wanted","histogram":{"dataPoints":[
            {{{bad}}},{"timeUnixNano":1}]}}]}]}]}
            """;
        var decoded = OtlpMetricsJson.Decode(Encoding.UTF8.GetBytes(json), WireLimits.Default, IsWanted);
        Assert.Single(decoded.Points);
        Assert.Equal(1, decoded.Rejected);
        Assert.Contains(reason, decoded.RejectedReason, StringComparison.Ordinal);
        Assert.Matches(@"^Metric ""wanted"": .* at byte \d+$", decoded.RejectedReason);
    }

    [Fact]
    public void What_is_bad_in_a_metric_that_is_not_wanted_is_ignored()
    {
        var json = """
            {"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":[{"count":1}]},"name":"x"}]}]}]}
            """u8.ToArray();
        var decoded = OtlpMetricsJson.Decode(json, WireLimits.Default, IsWanted);
        Assert.Equal((0, 1, 0), (decoded.Points.Count, decoded.Ignored, decoded.Rejected));
    }

    [Fact]
    public void A_point_that_recorded_nothing_is_none()
    {
        var body = SomeMetrics.Body(
            SomeMetrics.Histogram("wanted", "s", 1, new Proto.HistogramDataPoint { Flags = 1 }));
        var decoded = OtlpMetricsProtobuf.Decode(body.ToByteArray(), WireLimits.Default, IsWanted);
        Assert.Equal((0, 0), (decoded.Points.Count, decoded.Rejected));
    }

    [Fact]
    public void More_points_than_allowed_refuse_the_body_and_more_buckets_the_point()
    {
        var body = Body([1, 2, 3], [4, 0, 5], 3, -7, 1, 12.5, 2);
        foreach (var decode in new Func<WireLimits, DecodedMetrics>[]
        {
            limits => OtlpMetricsProtobuf.Decode(body.ToByteArray(), limits, IsWanted),
            limits => OtlpMetricsJson.Decode(Json(body), limits, IsWanted),
        })
        {
            var error = Assert.Throws<WireException>(() => decode(new WireLimits { MaxSpans = 2 }));
            Assert.Contains("more than 2 data points", error.Message, StringComparison.Ordinal);
            Assert.NotNull(error.ByteOffset);
            var decoded = decode(new WireLimits { MaxBuckets = 2 });
            Assert.Equal(2, decoded.Rejected);
            Assert.Contains("more than 2 buckets", decoded.RejectedReason, StringComparison.Ordinal);
        }
    }

    static bool IsWanted(string name) => name == "wanted";

    static byte[] Json(Proto.MetricsData body) => Encoding.UTF8.GetBytes(JsonFormatter.Default.Format(body));

    static Proto.MetricsData Body(
        ulong[] counts, ulong[] buckets, int scale, int offset, ulong zeros, double? sum, int temporality)
    {
        var exponential = new Proto.ExponentialHistogramDataPoint
        {
            StartTimeUnixNano = Time,
            TimeUnixNano = Time + 1,
            Count = buckets.Aggregate(zeros + 1, (total, count) => total + count),
            Scale = scale,
            ZeroCount = zeros,
            Positive = new Proto.Buckets { Offset = offset, BucketCounts = { buckets } },
            Negative = new Proto.Buckets { BucketCounts = { 1 } },
            Max = 7,
        };
        var point = SomeMetrics.Point(Time, Time + 1, counts);
        if (sum is not null)
            point.Sum = exponential.Sum = sum.Value;
        var body = SomeMetrics.Body(SomeMetrics.Histogram("wanted", "s", temporality, point));
        var metrics = body.ResourceMetrics[0].ScopeMetrics[0].Metrics;
        metrics.Add(SomeMetrics.Exponential("wanted", "ns", temporality, exponential));
        metrics.Add(new Proto.Metric
        {
            Name = "wanted",
            Sum = new Proto.Sum { DataPoints = { new Proto.NumberDataPoint { AsDouble = 3 } } },
        });
        return body;
    }

    static void AssertSame(Proto.MetricsData body, List<HistogramPoint> points)
    {
        var metrics = body.ResourceMetrics[0].ScopeMetrics[0].Metrics;
        var first = metrics[0].Histogram.DataPoints[0];
        Assert.Equal("shop", points[0].Instrument.Resource.ServiceName);
        Assert.Equal("test", points[0].Instrument.Scope.Name);
        Assert.Equal(metrics[0].Histogram.AggregationTemporality, (int)points[0].Instrument.Temporality);
        Assert.Equal((Time, Time + 1), (points[0].StartUnixNano, points[0].TimeUnixNano));
        Assert.Equal(first.ExplicitBounds, points[0].Bounds);
        Assert.Equal(first.BucketCounts, points[0].BucketCounts);
        Assert.Equal(first.HasSum ? first.Sum : null, points[0].Sum);
        Assert.Equal("http.request.method: GET, http.route: /cart", string.Join(", ", points[0].Attributes));

        var second = metrics[1].ExponentialHistogram.DataPoints[0];
        Assert.Equal("ns", points[1].Instrument.Unit);
        Assert.Null(points[1].Bounds);
        Assert.Equal(second.Positive.BucketCounts, points[1].BucketCounts);
        Assert.Equal((second.Scale, second.Positive.Offset, second.Count, second.ZeroCount + 1, 7, null),
            (points[1].Scale, points[1].Offset, points[1].Count, points[1].ZeroCount, points[1].Max, points[1].Min));
    }

    static void Bears(Func<DecodedMetrics> decode, int length)
    {
        try
        {
            decode();
        }
        catch (WireException refused)
        {
            Assert.NotNull(refused.ByteOffset);
            Assert.InRange(refused.ByteOffset.Value, 0, length);
        }
    }
}
