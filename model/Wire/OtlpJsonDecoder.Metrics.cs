using System.Text.Json;

namespace Tracing.Model.Wire;

// metrics: of each the histograms' data points; exemplars are skipped
sealed partial class OtlpJsonDecoder
{
    static readonly string[] TemporalityNames =
    [
        "AGGREGATION_TEMPORALITY_UNSPECIFIED", "AGGREGATION_TEMPORALITY_DELTA", "AGGREGATION_TEMPORALITY_CUMULATIVE",
    ];

    public DecodedMetrics DecodeMetrics(ReadOnlySpan<byte> utf8, Func<string, bool> isWanted)
    {
        Want(isWanted);
        Walk(utf8, static (OtlpJsonDecoder decoder, ref Utf8JsonReader json) => decoder.ReadMetrics(ref json));
        RefuseIfMalformed(isEmpty: IsEmpty);
        return ToDecodedMetrics();
    }

    void ReadMetrics(ref Utf8JsonReader json)
    {
        Expect(ref json, JsonTokenType.StartObject, "the body", "an object");
        while (NextField(ref json, out var name))
        {
            if (!name.SequenceEqual("resourceMetrics"u8))
            {
                json.Skip();
                continue;
            }
            Expect(ref json, JsonTokenType.StartArray, "resourceMetrics", "a list");
            while (NextElement(ref json))
                ReadResourceMetrics(ref json);
        }
    }

    void ReadResourceMetrics(ref Utf8JsonReader json)
    {
        var first = PointCount;
        var resource = Resource.Empty;
        string? problem = null;
        var isObject = IsPart(ref json, JsonTokenType.StartObject, "an element of resourceMetrics", "an object");
        while (isObject && NextField(ref json, out var name))
        {
            if (name.SequenceEqual("resource"u8))
            {
                resource = ReadResource(ref json);
                TakeProblem(ref problem);
            }
            else if (name.SequenceEqual("scopeMetrics"u8))
            {
                if (!IsPart(ref json, JsonTokenType.StartArray, "scopeMetrics", "a list"))
                    continue;
                while (NextElement(ref json))
                    ReadScopeMetrics(ref json);
            }
            else
            {
                json.Skip();
            }
        }
        TakeProblem(ref problem);
        SetResource(first, resource);
        RejectPoints(first, "Points of a resource", problem);
    }

    void ReadScopeMetrics(ref Utf8JsonReader json)
    {
        var first = PointCount;
        var scope = InstrumentationScope.Empty;
        string? problem = null;
        var isObject = IsPart(ref json, JsonTokenType.StartObject, "an element of scopeMetrics", "an object");
        while (isObject && NextField(ref json, out var name))
        {
            if (name.SequenceEqual("scope"u8))
            {
                scope = ReadScope(ref json);
                TakeProblem(ref problem);
            }
            else if (name.SequenceEqual("metrics"u8))
            {
                if (!IsPart(ref json, JsonTokenType.StartArray, "metrics", "a list"))
                    continue;
                while (NextElement(ref json))
                    ReadMetric(ref json);
            }
            else
            {
                json.Skip();
            }
        }
        TakeProblem(ref problem);
        SetScope(first, scope);
        RejectPoints(first, "Points of a scope", problem);
    }

    void ReadMetric(ref Utf8JsonReader json)
    {
        BeginMetric();
        var isObject = IsPart(ref json, JsonTokenType.StartObject, "a metric", "an object");
        while (isObject && NextField(ref json, out var name))
        {
            if (name.SequenceEqual("name"u8))
                Instrument.Name = ReadName(ref json, "name");
            else if (name.SequenceEqual("unit"u8))
                Instrument.Unit = ReadName(ref json, "unit");
            else if (name.SequenceEqual("histogram"u8))
                ReadHistogram(ref json, "histogram", isTaken: true, isExponential: false);
            else if (name.SequenceEqual("exponentialHistogram"u8))
                ReadHistogram(ref json, "exponentialHistogram", isTaken: true, isExponential: true);
            else if (name.SequenceEqual("gauge"u8) || name.SequenceEqual("sum"u8) || name.SequenceEqual("summary"u8))
                ReadHistogram(ref json, "data", isTaken: false, isExponential: false);
            else
                json.Skip();
        }
        EndMetric();
    }

    void ReadHistogram(ref Utf8JsonReader json, string what, bool isTaken, bool isExponential)
    {
        var isObject = IsPart(ref json, JsonTokenType.StartObject, what, "an object");
        while (isObject && NextField(ref json, out var name))
        {
            if (name.SequenceEqual("dataPoints"u8))
                ReadPoints(ref json, isTaken, isExponential);
            else if (isTaken && name.SequenceEqual("aggregationTemporality"u8))
                Instrument.Temporality =
                    (MetricTemporality)ReadEnum(ref json, "aggregationTemporality", TemporalityNames);
            else
                json.Skip();
        }
    }

    void ReadPoints(ref Utf8JsonReader json, bool isTaken, bool isExponential)
    {
        if (!IsPart(ref json, JsonTokenType.StartArray, "dataPoints", "a list"))
            return;
        while (NextElement(ref json))
        {
            var offset = At(ref json);
            if (isTaken)
            {
                BeginPoint(offset);
                if (IsPart(ref json, JsonTokenType.StartObject, "a data point", "an object"))
                    ReadPoint(ref json);
                EndPoint(offset, isExponential);
            }
            else
            {
                IgnorePoint(offset);
                json.Skip();
            }
        }
    }

    void ReadPoint(ref Utf8JsonReader json)
    {
        var first = Attributes.Mark;
        while (NextField(ref json, out var name))
        {
            if (name.SequenceEqual("attributes"u8))
                ReadAttributes(ref json, first);
            else if (name.SequenceEqual("startTimeUnixNano"u8))
                Point.StartUnixNano = ReadUInt64(ref json, "startTimeUnixNano", ulong.MaxValue);
            else if (name.SequenceEqual("timeUnixNano"u8))
                Point.TimeUnixNano = ReadUInt64(ref json, "timeUnixNano", ulong.MaxValue);
            else if (name.SequenceEqual("count"u8))
                Point.Count = ReadUInt64(ref json, "count", ulong.MaxValue);
            else if (name.SequenceEqual("sum"u8))
                Point.Sum = ReadDouble(ref json, "sum");
            else if (name.SequenceEqual("min"u8))
                Point.Min = ReadDouble(ref json, "min");
            else if (name.SequenceEqual("max"u8))
                Point.Max = ReadDouble(ref json, "max");
            else if (name.SequenceEqual("flags"u8))
                Point.Flags = ReadUInt32(ref json, "flags");
            else
                ReadBucketField(ref json, name);
        }
    }

    // a field of the other kind of histogram is harmless: it is not looked at
    void ReadBucketField(ref Utf8JsonReader json, scoped ReadOnlySpan<byte> name)
    {
        if (name.SequenceEqual("bucketCounts"u8))
            ReadCounts(ref json, Point.BucketCounts);
        else if (name.SequenceEqual("explicitBounds"u8))
            ReadBounds(ref json);
        else if (name.SequenceEqual("scale"u8))
            Point.Scale = ReadInt32(ref json, "scale");
        else if (name.SequenceEqual("zeroCount"u8))
            Point.ZeroCount = ReadUInt64(ref json, "zeroCount", ulong.MaxValue);
        else if (name.SequenceEqual("positive"u8))
            Point.Offset = ReadBuckets(ref json, Point.BucketCounts);
        else if (name.SequenceEqual("negative"u8))
            ReadBuckets(ref json, Point.NegativeCounts);
        else
            json.Skip();
    }

    int ReadBuckets(ref Utf8JsonReader json, List<ulong> counts)
    {
        var offset = 0;
        if (!Is(ref json, JsonTokenType.StartObject, "buckets", "an object"))
            return offset;
        while (NextField(ref json, out var name))
        {
            if (name.SequenceEqual("offset"u8))
                offset = ReadInt32(ref json, "offset");
            else if (name.SequenceEqual("bucketCounts"u8))
                ReadCounts(ref json, counts);
            else
                json.Skip();
        }
        return offset;
    }

    void ReadCounts(ref Utf8JsonReader json, List<ulong> counts)
    {
        if (!Is(ref json, JsonTokenType.StartArray, "bucketCounts", "a list"))
            return;
        while (NextElement(ref json))
        {
            var offset = At(ref json);
            var count = ReadUInt64(ref json, "a count", ulong.MaxValue);
            if (HasRoomForBucket(counts.Count, offset))
                counts.Add(count);
        }
    }

    void ReadBounds(ref Utf8JsonReader json)
    {
        if (!Is(ref json, JsonTokenType.StartArray, "explicitBounds", "a list"))
            return;
        while (NextElement(ref json))
        {
            var offset = At(ref json);
            var bound = ReadDouble(ref json, "a bound");
            if (HasRoomForBucket(Point.Bounds.Count, offset))
                Point.Bounds.Add(bound);
        }
    }

    int ReadInt32(ref Utf8JsonReader json, string what)
    {
        var offset = At(ref json);
        var number = ReadInt64(ref json, what);
        if (number is >= int.MinValue and <= int.MaxValue)
            return (int)number;
        AddProblem($"{what} is {number}, not a number that fits", offset);
        return 0;
    }
}
