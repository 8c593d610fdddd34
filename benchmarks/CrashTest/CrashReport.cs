using System.Globalization;

namespace Tracing.CrashTest;

/// <summary>What a run has seen.</summary>
sealed record CrashReport
{
    public int Kills { get; set; }

    /// <summary>Of the kills, those that came before the server listened.</summary>
    public int KillsAtStart { get; set; }

    public int Bodies { get; set; }

    /// <summary>Bodies that a kill left without an answer, and how many of these were there all the same.</summary>
    public int Unanswered { get; set; }

    public int UnansweredStored { get; set; }

    /// <summary>Bodies sent again after an answer, as by an exporter that did not hear it.</summary>
    public int Resent { get; set; }

    public long SpansAcknowledged { get; set; }

    /// <summary>Bodies read and compared with what was sent.</summary>
    public long Checks { get; set; }

    /// <summary>Acknowledged spans that are not there, or are not as sent.</summary>
    public long Lost { get; set; }

    /// <summary>Spans in the store beyond those of the bodies that are there.</summary>
    public long Doubled { get; set; }

    /// <summary>Spans that should be in the store by count and are not.</summary>
    public long Short { get; set; }

    /// <summary>By how much the latencies counted and the spans stored differed, of all starts.</summary>
    public long Miscounted { get; set; }

    /// <summary>By how much the calls counted and those of the bodies that are there differed, of all starts.</summary>
    public long CallsMiscounted { get; set; }

    /// <summary>Calls counted, at the last start.</summary>
    public long Calls { get; set; }

    /// <summary>Unacknowledged bodies that are there in part.</summary>
    public int Torn { get; set; }

    /// <summary>Warnings, errors and failed starts, as the server words them.</summary>
    public List<string> Complaints { get; } = [];

    public TimeSpan SlowestStart { get; set; }

    public bool IsGood => Lost + Doubled + Short + Miscounted + CallsMiscounted + Torn + Complaints.Count == 0;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"""
        {Kills} kills, of which {KillsAtStart} during a start
        {Bodies} bodies; {Unanswered} left unanswered, of which {UnansweredStored} were stored; {Resent} sent twice
        {SpansAcknowledged} spans acknowledged; {Checks} times a body was read and compared
        {Lost} spans lost, {Doubled} doubled, {Short} too few, {Torn} bodies torn, {Miscounted} miscounted
        {Calls} calls between services counted, {CallsMiscounted} miscounted
        slowest start: {SlowestStart.TotalSeconds:0.0} s
        {Complaints.Count} complaints of the server{string.Concat(Complaints.Take(20).Select(each => "\n  " + each))}
        """);
}
