namespace Tracing.Storage.Engine;

/// <summary>
/// The points of a row, in parts that questions ask for: all services, all edges between services, the operations of a
/// service, and so on.
/// </summary>
static class Sections
{
    /// <summary>That which has all that a query asks for; null when there is none.</summary>
    public static string? Of(SeriesQuery query) => query.Level switch
    {
        SeriesLevel.Operation or SeriesLevel.OperationEdge when query.Service is null => null,
        _ => Of(query.Level, query.Service ?? ""),
    };

    /// <summary>Adds points to sections; those that are not touched are left out.</summary>
    /// <param name="minutes">Of a row.</param>
    public static Dictionary<string, byte[]> Merge(
        IDictionary<string, byte[]> before, List<SeriesPoint> added, int minutes)
    {
        var sections = new Dictionary<string, byte[]>();
        foreach (var section in added.GroupBy(point => Of(point.Series.Level, point.Series.Service)))
        {
            var points = before.TryGetValue(section.Key, out var data)
                ? PointsCodec.Decode(data, _ => true, withExemplars: true).Concat(section)
                : section;
            sections.Add(section.Key, PointsCodec.Encode(SeriesPoints.Merge(points, minutes)));
        }
        return sections;
    }

    static string Of(SeriesLevel level, string service) => level switch
    {
        SeriesLevel.Service => "services",
        SeriesLevel.ServiceEdge => "edges",
        SeriesLevel.Operation => "operations of " + service,
        _ => "edges of " + service,
    };
}
