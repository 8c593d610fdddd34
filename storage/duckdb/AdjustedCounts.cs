using DuckDB.NET.Data;
using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Storage.DuckDb;

/// <summary>
/// SQL for how many spans a span stands for by the sampling of its client. The trace state that says so is in the
/// column <c>rest</c>, as the intake encoded it, so that a function of ours reads it: some 0.5 µs for each row that has
/// any.
/// </summary>
static class AdjustedCounts
{
    const string Function = "adjusted_count";

    /// <summary>1 for a row that says nothing of it, or of which it is not known.</summary>
    public const string OfRow = $"CASE WHEN rest IS NULL THEN 1 ELSE coalesce({Function}(rest), 1) END";

    /// <summary>
    /// Whether a row was sampled with a probability that is not known, or stands for more than is counted.
    /// </summary>
    public static readonly string IsEstimated =
        $"CASE WHEN rest IS NULL THEN false ELSE coalesce({Function}(rest) >= {AdjustedCount.Max}, true) END";

    /// <summary>Makes the function known to a DuckDB and all its connections; once.</summary>
    public static void Register(DuckDBConnection connection) =>
        connection.RegisterScalarFunction<byte[], double>(Function, (columns, counts, rows) =>
        {
            for (var row = 0ul; row < rows; row++)
            {
                if (columns[0].IsValid(row) && OfRest(columns[0].GetValue<Stream>(row)) is { } count)
                    counts.WriteValue(Math.Min(count, AdjustedCount.Max), row);
                else
                    counts.WriteNull(row);
            }
        }, new ScalarFunctionOptions { IsPureFunction = true }, false);

    static unsafe double? OfRest(Stream stream)
    {
        using (stream)
        {
            var rest = (UnmanagedMemoryStream)stream;
            return SamplingThreshold.AdjustedCount(OtlpProtobuf.TraceStateOfRest(
                new ReadOnlySpan<byte>(rest.PositionPointer, (int)rest.Length)));
        }
    }
}
