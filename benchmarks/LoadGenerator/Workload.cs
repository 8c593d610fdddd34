using Tracing.Model;

namespace Tracing.LoadGenerator;

/// <summary>One span of the workload. The same object is filled again and again.</summary>
sealed class WorkloadSpan
{
    /// <summary>Indexes into <see cref="Vocabulary.Attributes"/>.</summary>
    public int[] Attributes { get; } = new int[Vocabulary.AttributesPerSpan];

    public ulong Id { get; set; }

    /// <summary>0 for the root.</summary>
    public ulong ParentId { get; set; }

    public Operation Operation { get; set; } = null!;

    /// <summary>Which instance of the operation's service ran it.</summary>
    public int Instance { get; set; }

    /// <summary>Microseconds since 1970.</summary>
    public long StartMicros { get; set; }

    public long DurationMicros { get; set; }

    public bool IsError { get; set; }
}

/// <summary>
/// Traces of 10 spans, drawn from the vocabulary's routes: which service calls which is stable, latencies are
/// log-normal and add up from callee to caller, 1 % of the spans fail. The same seed draws the same traces.
/// </summary>
sealed class Workload
{
    public const int SpansPerTrace = 10;

    const double Sigma = 0.7;
    const int FailsOneIn = 100;

    readonly Vocabulary _vocabulary;
    readonly int _instances;
    readonly SeededRandom _random;

    // e to the power of a normal variate, 1 on the median: drawing from a table saves the logarithms of each draw
    readonly double[] _logNormal = new double[4096];
    readonly int[] _instanceOfSlot = new int[Route.Slots];
    readonly long[] _nextChildMicros = new long[SpansPerTrace];

    /// <param name="instances">Instances of each service.</param>
    public Workload(Vocabulary vocabulary, int instances, ulong seed)
    {
        _vocabulary = vocabulary;
        _instances = instances;
        _random = new SeededRandom(seed);
        for (var i = 0; i < _logNormal.Length; i++)
            _logNormal[i] = Math.Exp(Sigma * Normal());
        for (var i = 0; i < SpansPerTrace; i++)
            Spans[i] = new WorkloadSpan();
    }

    /// <summary>The trace drawn last; parents come before their children.</summary>
    public WorkloadSpan[] Spans { get; } = new WorkloadSpan[SpansPerTrace];

    public TraceId TraceId { get; private set; }

    /// <param name="startMicros">When its root begins, in microseconds since 1970.</param>
    public void DrawTrace(long startMicros)
    {
        TraceId = new TraceId(_random.NextNonZero(), _random.NextNonZero());
        var route = _vocabulary.Routes[_random.SkewedBelow(_vocabulary.Routes.Length)];
        for (var slot = 0; slot < Route.Slots; slot++)
            _instanceOfSlot[slot] = _random.Below(_instances);
        for (var i = 0; i < SpansPerTrace; i++)
            DrawSpan(Spans[i], route.Steps[i]);
        AddUpDurations(route);
        PlaceInTime(route, startMicros);
    }

    void DrawSpan(WorkloadSpan span, Step step)
    {
        span.Id = _random.NextNonZero();
        span.ParentId = step.Parent < 0 ? 0 : Spans[step.Parent].Id;
        span.Operation = step.Operation;
        span.Instance = _instanceOfSlot[step.Slot];
        span.IsError = _random.OneIn(FailsOneIn);
        // the span's own time; its children's comes on top
        var factor = _logNormal[_random.Below(_logNormal.Length)];
        span.DurationMicros = 1 + (long)(step.Operation.MedianMicros * factor);
        for (var i = 0; i < span.Attributes.Length; i++)
            span.Attributes[i] = step.Operation.Attributes[i].Draw(_random);
        if (_random.OneIn(Vocabulary.RareOneIn))
            MakeRare(span);
    }

    /// <summary>In the place of the attribute of its key, else of the last.</summary>
    void MakeRare(WorkloadSpan span)
    {
        var attributes = _vocabulary.Attributes;
        var place = Array.FindIndex(span.Attributes, each => attributes[each].Key == Vocabulary.Rare.Key);
        span.Attributes[place < 0 ? ^1 : place] = attributes.Count - 1;
    }

    void AddUpDurations(Route route)
    {
        for (var i = SpansPerTrace - 1; i > 0; i--)
        {
            // nobody waits for the consumer of a message
            if (route.Steps[i].Operation.Kind != SpanKind.Consumer)
                Spans[route.Steps[i].Parent].DurationMicros += Spans[i].DurationMicros;
        }
    }

    void PlaceInTime(Route route, long startMicros)
    {
        for (var i = 0; i < SpansPerTrace; i++)
        {
            var (span, parent) = (Spans[i], route.Steps[i].Parent);
            span.StartMicros = parent < 0 ? startMicros : _nextChildMicros[parent];
            if (parent >= 0)
                _nextChildMicros[parent] += span.DurationMicros;
            _nextChildMicros[i] = span.StartMicros + (route.Steps[i].Operation.MedianMicros / 8);
        }
    }

    /// <summary>A normal variate by Box and Muller.</summary>
    double Normal() => Math.Sqrt(-2 * Math.Log(1 - _random.Unit())) * Math.Cos(2 * Math.PI * _random.Unit());
}
