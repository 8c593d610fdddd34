using Tracing.Model;
using Tracing.Storage;

namespace Tracing.Collector;

/// <summary>An operation that begins traces.</summary>
readonly record struct RootOperation(string Service, string Name);

/// <summary>
/// Counts the traces that begin, by operation: each root counts as often as it says that it stands for. Rates are those
/// of the latest intervals, as few as have enough roots to be told from chance.
/// </summary>
sealed class RootRates(int maxOperations)
{
    /// <summary>Roots from which a rate is right to some 20 %.</summary>
    const int Enough = 25;

    /// <summary>
    /// An interval with so many roots more than twice those of each after it is of another load, whatever chance does.
    /// </summary>
    const int Surprise = 10;

    /// <summary>A minute of intervals of 5 s; what has not been seen for so long is forgotten.</summary>
    const int Intervals = 12;

    /// <summary>Of the names of an operation, on average; the rates are sent around.</summary>
    const int MeanCharacters = 128;

    readonly Lock _lock = new();
    readonly Dictionary<RootOperation, Window> _operations = [];
    long _characters;
    int _now;

    /// <param name="probabilityOf">What clients were told, for roots that do not say themselves.</param>
    public void Add(IReadOnlyList<Span> spans, Func<RootOperation, double> probabilityOf)
    {
        lock (_lock)
        {
            for (var i = 0; i < spans.Count; i++)
            {
                var span = spans[i];
                // an upgraded one is no more than the sampled ones stand for; a debugged one was not sampled
                if (span.ParentSpanId.IsZero && !span.Shared && !span.Debug &&
                    !OtTraceState.IsUpgraded(span.TraceState))
                    Add(span, probabilityOf);
            }
        }
    }

    void Add(Span span, Func<RootOperation, double> probabilityOf)
    {
        var operation = new RootOperation(SeriesNames.Cut(span.ServiceName), SeriesNames.Cut(span.Name));
        if (!_operations.TryGetValue(operation, out var window))
        {
            var characters = CharactersOf(operation);
            if (_operations.Count >= maxOperations ||
                _characters + characters > (long)maxOperations * MeanCharacters)
                return;
            _characters += characters;
            _operations[operation] = window = new Window();
        }
        window.Recorded[_now]++;
        // no sampler of a client means less than one in 2^24, and an infinite rate would stay
        window.Weight[_now] += Math.Min(AdjustedCount.Max, 1 / (ProbabilityOf(span) ?? probabilityOf(operation)));
    }

    static int CharactersOf(RootOperation operation) => operation.Service.Length + operation.Name.Length;

    /// <summary>
    /// By OpenTelemetry's threshold, else by the attributes that Jaeger's clients and OpenTelemetry's samplers of
    /// theirs set.
    /// </summary>
    static double? ProbabilityOf(Span span)
    {
        if (OtTraceState.TryReadThreshold(span.TraceState, out var threshold))
            return OtTraceState.ProbabilityOf(threshold);
        var (isProbabilistic, share) = (false, (double?)null);
        foreach (var (key, value) in span.Attributes)
        {
            if (key == "sampler.type")
                isProbabilistic = value.AsString() == "probabilistic";
            else if (key == "sampler.param" && value.Type == AttributeType.Double)
                share = value.AsDouble();
        }
        return isProbabilistic && share is > 0 and <= 1 ? share : null;
    }

    /// <summary>The traces a second now that an interval is over, those among them that were not recorded.</summary>
    public Dictionary<RootOperation, double> Next(TimeSpan interval)
    {
        lock (_lock)
        {
            var rates = new Dictionary<RootOperation, double>();
            foreach (var (operation, window) in _operations)
            {
                if (window.Rate(_now, interval.TotalSeconds) is { } rate)
                    rates[operation] = rate;
                else if (_operations.Remove(operation))
                    _characters -= CharactersOf(operation);
            }
            _now = (_now + 1) % Intervals;
            foreach (var window in _operations.Values)
                (window.Recorded[_now], window.Weight[_now]) = (0, 0);
            return rates;
        }
    }

    /// <summary>The counts of the latest intervals, in a ring.</summary>
    sealed class Window
    {
        public readonly double[] Recorded = new double[Intervals];
        public readonly double[] Weight = new double[Intervals];

        int _age;
        double _lastWeight;

        /// <summary>Traces a second; null if there was no root for a minute.</summary>
        public double? Rate(int newest, double seconds)
        {
            _age = Math.Min(Intervals, _age + 1);
            if (Recorded[newest] > 0)
                _lastWeight = Weight[newest] / Recorded[newest];
            var (recorded, weight, count) = (0.0, 0.0, 0);
            while (count < _age && recorded < Enough)
            {
                var at = (newest - count + Intervals) % Intervals;
                if (count > 0 && Recorded[at] > 2 * recorded / count + Surprise)
                    break;
                recorded += Recorded[at];
                weight += Weight[at];
                count++;
            }
            // less than one is not seen; as if it were one, until there is none for a minute
            return recorded > 0 ? weight / (count * seconds)
                : Array.TrueForAll(Recorded, roots => roots == 0) ? null
                : _lastWeight / (count * seconds);
        }
    }
}
