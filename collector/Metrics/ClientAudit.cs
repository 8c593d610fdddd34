using Tracing.Model.Wire;

namespace Tracing.Collector;

/// <summary>
/// What clients say became of their spans: ended = sent + dropped + waiting. Those sent are to be found here; those
/// dropped nobody else knows of. Added up by service since the start of this process, also over clients that are gone.
/// </summary>
public sealed class ClientAudit
{
    /// <summary>Processes whose last report is remembered, and services; beyond it reports are not counted.</summary>
    const int Max = 20_000;

    readonly Lock _lock = new();
    readonly Dictionary<(string Service, string Instance, string Outcome), (ulong Start, ulong Count)> _last = [];
    readonly SortedDictionary<(string Service, string Outcome), ulong> _totals = [];

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
        var (service, outcome) = (resource.ServiceName, Text(point.Attributes, "outcome"));
        var key = (service, Text(resource.Attributes, "service.instance.id"), outcome);
        lock (_lock)
        {
            var (start, count) = _last.GetValueOrDefault(key);
            if (!_last.ContainsKey(key) && _last.Count >= Max)
                return;
            // another start is another process of the same name
            var before = start == point.StartUnixNano ? count : 0;
            if (point.Count < before)
                return;
            _last[key] = (point.StartUnixNano, point.Count);
            _totals[(service, outcome)] = _totals.GetValueOrDefault((service, outcome)) + point.Count - before;
        }
    }

    static string Text(Model.KeyValue[] attributes, string key) =>
        Array.Find(attributes, attribute => attribute.Key == key).Value.AsString() ?? "";
}
