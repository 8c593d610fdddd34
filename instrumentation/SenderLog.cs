using Microsoft.Extensions.Logging;

namespace Tracing.Instrumentation;

/// <summary>
/// What the log says of the sending: of an outage its begin and its end, of what is refused or dropped each kind once,
/// with the reason. A server that takes spans and no metrics is told apart by signal. For one thread, but
/// <see cref="NoRoom"/>.
/// </summary>
sealed class SenderLog(ILogger log)
{
    /// <summary>Longest reason that is said, in UTF-16 units.</summary>
    public const int MaxReason = 300;

    /// <summary>Kinds that are told apart, as a server's reasons may be all different.</summary>
    const int MaxKinds = 32;

    /// <summary>Begins the kinds that may be said again in the next outage.</summary>
    const string OfOutage = "outage: ";

    readonly HashSet<string> _told = [];
    readonly bool[] _isFailing = new bool[2];

    /// <summary>There was no answer, or one that asks to come again.</summary>
    public void Failing(ReportTarget target, string problem)
    {
        if (!_isFailing[(int)target.Signal])
            Log.Failing(log, NameOf(target), target.Address, Line(problem));
        _isFailing[(int)target.Signal] = true;
    }

    /// <summary>The server has taken a body, all but the rejected spans of it.</summary>
    public void Taken(ReportTarget target, long rejected, string reason)
    {
        if (_isFailing[(int)target.Signal])
            Log.Recovered(log, NameOf(target), target.Address);
        _isFailing[(int)target.Signal] = false;
        lock (_told)
            _told.RemoveWhere(kind => kind.StartsWith(OfOutage, StringComparison.Ordinal));
        if (rejected > 0 && IsNew($"{target.Signal} rejected {Letters(reason)}"))
            Log.Rejected(log, rejected, NameOf(target), target.Address, Line(reason));
    }

    /// <summary>The server will never take it.</summary>
    public void Refused(ReportTarget target, string problem)
    {
        if (IsNew($"{target.Signal} refused {Letters(problem)}"))
            Log.Refused(log, NameOf(target), target.Address, Line(problem));
    }

    public void NoRoom(ReportTarget target, int bytes)
    {
        if (IsNew($"{OfOutage}no room {target.Signal}"))
            Log.NoRoom(log, NameOf(target), bytes);
    }

    public void TooOld(ReportTarget target, TimeSpan age)
    {
        if (IsNew($"{OfOutage}too old {target.Signal}"))
            Log.TooOld(log, NameOf(target), age.TotalMinutes);
    }

    public void LostAtStop(ReportTarget target, long spans) => Log.LostAtStop(log, spans, target.Address);

    bool IsNew(string kind)
    {
        lock (_told)
            return _told.Count < MaxKinds && _told.Add(kind);
    }

    static string NameOf(ReportTarget target) => target.Signal == Signal.Traces ? "spans" : "histograms";

    /// <summary>A kind is the same whatever numbers and ids it names.</summary>
    static string Letters(string reason) =>
        string.Concat(reason.Split(' ').Where(word => word.All(c => char.IsLetter(c) || char.IsPunctuation(c)))
            .Take(20));

    static string Line(string reason) =>
        reason.Length == 0 ? "no reason given"
        : reason[..Math.Min(reason.Length, MaxReason)].ReplaceLineEndings(" ").Trim();
}
