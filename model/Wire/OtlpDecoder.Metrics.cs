namespace Tracing.Model.Wire;

// what the decoders of both encodings share for metrics: a data point is in work as a span is, and what is wrong with
// it is kept in the same place
abstract partial class OtlpDecoder
{
    readonly List<HistogramPoint> _points = [];
    Func<string, bool> _isWanted = _ => true;
    int _ignored, _rejected, _pointsSeen, _firstPoint, _rejectedOfMetric;
    readonly Reasons _reasons = new();
    string? _reasonOfMetric;

    /// <summary>Good data points so far.</summary>
    protected int PointCount => _points.Count;

    /// <summary>Whether nothing was taken or ignored of the body so far.</summary>
    protected bool IsEmpty => _points.Count + _ignored == 0;

    /// <summary>The metric in work; what of it comes after its data points holds for these too.</summary>
    protected MetricInstrument Instrument { get; private set; } = new();

    /// <summary>The data point in work.</summary>
    protected PointFields Point { get; } = new();

    protected void Want(Func<string, bool> isWanted) => _isWanted = isWanted;

    protected DecodedMetrics ToDecodedMetrics() => new(_points, _ignored, _rejected, _reasons.ToString(), Warning());

    protected void BeginMetric()
    {
        Instrument = new MetricInstrument();
        _firstPoint = _points.Count;
        _rejectedOfMetric = 0;
        _reasonOfMetric = null;
    }

    protected void EndMetric()
    {
        var problem = TakeProblem();
        // one without a name may have been wanted
        if (!_isWanted(Instrument.Name) && (problem is null || Instrument.Name.Length > 0))
        {
            _ignored += _points.Count - _firstPoint + _rejectedOfMetric;
            _points.RemoveRange(_firstPoint, _points.Count - _firstPoint);
            return;
        }
        _rejected += _rejectedOfMetric;
        if (_reasonOfMetric is not null)
            _reasons.Add($"Metric \"{Warnings.Shorten(Instrument.Name)}\": {_reasonOfMetric}");
        RejectPoints(_firstPoint, $"Metric \"{Warnings.Shorten(Instrument.Name)}\"", problem);
    }

    /// <summary>Rejects the data points from this one on for what they have in common.</summary>
    protected void RejectPoints(int first, string of, string? problem)
    {
        if (problem is null)
            return;
        _rejected += _points.Count - first;
        _reasons.Add($"{of}: {problem}");
        _points.RemoveRange(first, _points.Count - first);
    }

    /// <summary>The resource and the scope may follow the metrics that they are for.</summary>
    protected void SetResource(int firstPoint, Resource resource)
    {
        for (var i = firstPoint; i < _points.Count; i++)
            _points[i].Instrument.Resource = resource;
    }

    protected void SetScope(int firstPoint, InstrumentationScope scope)
    {
        for (var i = firstPoint; i < _points.Count; i++)
            _points[i].Instrument.Scope = scope;
    }

    /// <summary>A data point that is no histogram's.</summary>
    protected void IgnorePoint(long offset)
    {
        ExpectPoint(offset);
        _ignored++;
    }

    protected void BeginPoint(long offset)
    {
        ExpectPoint(offset);
        BeginSpan(offset);
        Point.Reset();
    }

    /// <param name="offset">Where the point begins.</param>
    protected void EndPoint(long offset, bool isExponential)
    {
        Point.Check(this, offset, isExponential);
        if (Current.Problem is { } problem)
        {
            _rejectedOfMetric++;
            _reasonOfMetric ??= $"{problem} at byte {Current.ProblemOffset}";
        }
        // what was not recorded is no point at all
        else if (!Point.HasNoValue)
        {
            var attributes = UniqueKeys.Of(Attributes.From(_firstAttribute));
            _points.Add(Point.Build(Instrument, attributes, offset, isExponential));
        }
        LeaveSpan();
    }

    /// <summary>Whether a list of buckets or bounds that has so many elements may have one more.</summary>
    protected bool HasRoomForBucket(int before, long offset)
    {
        if (before < limits.MaxBuckets)
            return HasMemory(sizeof(ulong), offset);
        if (!IsLost)
            AddProblem($"more than {limits.MaxBuckets} buckets", offset);
        return false;
    }

    void ExpectPoint(long offset)
    {
        if (++_pointsSeen > limits.MaxSpans)
            throw new WireException($"TooLarge: more than {limits.MaxSpans} data points in one request", offset);
    }

    /// <summary>Fields of the data point that is being decoded; used again for each.</summary>
    protected sealed class PointFields
    {
        const uint NoRecordedValue = 1;

        public ulong StartUnixNano { get; set; }

        public ulong TimeUnixNano { get; set; }

        public ulong Count { get; set; }

        public double? Sum { get; set; }

        public double? Min { get; set; }

        public double? Max { get; set; }

        public int Scale { get; set; }

        public ulong ZeroCount { get; set; }

        public int Offset { get; set; }

        public uint Flags { get; set; }

        public List<double> Bounds { get; } = [];

        public List<ulong> BucketCounts { get; } = [];

        public List<ulong> NegativeCounts { get; } = [];

        public bool HasNoValue => (Flags & NoRecordedValue) != 0;

        public void Reset()
        {
            StartUnixNano = TimeUnixNano = Count = ZeroCount = 0;
            Sum = Min = Max = null;
            Scale = Offset = 0;
            Flags = 0;
            Bounds.Clear();
            BucketCounts.Clear();
            NegativeCounts.Clear();
        }

        /// <summary>Says what contradicts itself.</summary>
        public void Check(OtlpDecoder decoder, long offset, bool isExponential)
        {
            if (HasNoValue)
                return;
            var counted = Total(BucketCounts) + Total(NegativeCounts) + ZeroCount;
            if (TimeUnixNano == 0)
                decoder.AddProblem("a data point has no time", offset);
            else if (!isExponential && BucketCounts.Count == 0 && Bounds.Count > 0)
                decoder.AddProblem($"a histogram has {Bounds.Count} bounds and no buckets", offset);
            else if (!isExponential && BucketCounts.Count > 0 && BucketCounts.Count != Bounds.Count + 1)
                decoder.AddProblem($"a histogram has {BucketCounts.Count} buckets and {Bounds.Count} bounds", offset);
            else if ((isExponential || BucketCounts.Count > 0) && counted != Count)
                decoder.AddProblem($"a histogram's buckets count {counted}, and it says {Count}", offset);
            for (var i = 0; i < Bounds.Count; i++)
            {
                // written so that NaN fails
                if (!(i == 0 ? !double.IsNaN(Bounds[0]) : Bounds[i] > Bounds[i - 1]))
                    decoder.AddProblem($"bound {i} of a histogram is not above the one before", offset);
            }
        }

        public HistogramPoint Build(
            MetricInstrument instrument, KeyValue[] attributes, long offset, bool isExponential) => new()
            {
                Instrument = instrument,
                Attributes = attributes,
                StartUnixNano = StartUnixNano,
                TimeUnixNano = TimeUnixNano,
                Count = Count,
                Sum = Sum,
                Min = Min,
                Max = Max,
                Bounds = isExponential ? null : Bounds.ToArray(),
                Scale = Scale,
                Offset = Offset,
                BucketCounts = BucketCounts.ToArray(),
                // checked above: no more than Count
                ZeroCount = isExponential ? ZeroCount + (ulong)Total(NegativeCounts) : 0,
                ByteOffset = offset,
            };

        // of up to 2^31 counts, so that it cannot overflow
        static UInt128 Total(List<ulong> counts)
        {
            var total = UInt128.Zero;
            foreach (var count in counts)
                total += count;
            return total;
        }
    }
}
