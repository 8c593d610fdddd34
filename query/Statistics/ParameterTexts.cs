namespace Tracing.Query;

/// <summary>What the description says of parameters that several routes have.</summary>
static class ParameterTexts
{
    public const string Start =
        "Start, included: Unix seconds or RFC 3339; rounded out to whole minutes, or steps. Default: an hour before " +
        "the end.";
    public const string End = "End, excluded; rounded out likewise. Default: now.";
    public const string Service = "The service, with case, as it was sent.";
    public const string Operation = "The operation, which is the name of spans, with case. Absent: the whole service.";
    public const string Kind =
        "Kind of the spans: unspecified, internal, server, client, producer, consumer or all. Default: server and " +
        "consumer together; of a service that has none of these, all.";
    public const string Source =
        "Who counted: spans (default: this server, from the spans it was sent) or metrics (the processes themselves, " +
        "before any sampling).";
    public const string Base =
        "Period to compare with: previous (as long, just before), day or week (the same hours a day or week earlier).";
    public const string BaseStart = "Start of a period to compare with, together with baseEnd, instead of base.";
    public const string BaseEnd = "End of the period to compare with, excluded.";
    public const string Step =
        "Minutes of a step, which begin at multiples of it. Default: by the length of the window.";
}
