using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Storage;

namespace Tracing.Collector;

/// <summary>
/// What clients say became of their spans: ended = sent + dropped + waiting. Those sent are to be found here; those
/// dropped nobody else knows of. Added up by service since the start of this process, also over clients that are gone.
/// </summary>
public sealed class ClientAudit
{
    /// <summary>Processes whose last report is remembered, and services; beyond it reports are not counted.</summary>
    const int Max = 20_000;

    /// <summary>Of all their names together; they take 5 MB.</summary>
    const int MaxCharacters = 128 * Max;

    readonly Lock _lock = new();
    readonly Dictionary<(string Service, string Instance, string Outcome), (ulong Start, ulong Count)> _last = [];
    readonly SortedDictionary<(string Service, string Outcome), ulong> _totals = [];
    int _characters;

    /// <summary>Spans by service and outcome: ended, sent or dropped.</summary>
    public IReadOnlyList<(string Service, string Outcome, ulong Spans)> Totals
    {
        get
        {
            lock (_lock)
                return [.. _totals.Select(each => (each.Key.Service, each.Key.Outcome, each.Value))];
        }
    }

    /// <summary>Counts what came since the process' last report; a report that comes twice counts once.</summary>
    internal void Add(HistogramPoint point)
    {
        var resource = point.Instrument.Resource;
        var (service, outcome) = (SeriesNames.Cut(resource.ServiceName), Text(point.Attributes, "outcome"));
        var key = (service, Text(resource.Attributes, "service.instance.id"), outcome);
        lock (_lock)
        {
            var (start, count) = _last.GetValueOrDefault(key);
            var characters = _last.ContainsKey(key) ? 0 : service.Length + key.Item2.Length + outcome.Length;
            if (characters > 0 && (_last.Count >= Max || _characters + characters > MaxCharacters))
                return;
            // another start is another process of the same name
            var before = start == point.StartUnixNano ? count : 0;
            if (point.Count < before)
                return;
            _characters += characters;
            _last[key] = (point.StartUnixNano, point.Count);
            _totals[(service, outcome)] = LatencyHistogram.SaturatingSum(
                _totals.GetValueOrDefault((service, outcome)), point.Count - before);
        }
    }

    static string Text(KeyValue[] attributes, string key) => SeriesNames.Cut(
        Array.Find(attributes, attribute => attribute.Key == key).Value.AsString() ?? "");
}
