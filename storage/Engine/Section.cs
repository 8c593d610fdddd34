using System.Buffers.Binary;
using System.Text;
using Tracing.Storage.Tables;

namespace Tracing.Storage.Engine;

/// <summary>
/// The points of a time, in parts that questions ask for: all services, all edges between services, the operations of a
/// service, and so on. Each has rows of its own, ordered by time.
/// </summary>
/// <param name="Service">Empty where it has those of all services.</param>
readonly record struct Section(SeriesLevel Level, string Service)
{
    /// <summary>What its keys begin with is more; see <see cref="Statistics"/>.</summary>
    const byte FirstLevel = 1;

    const int ServiceStart = 1 + sizeof(ushort);

    public static Section Of(Series series) => new(series.Level, HasAll(series.Level) ? "" : series.Service);

    /// <summary>That which has all that a query asks for; null when it is in several.</summary>
    public static Section? Of(SeriesQuery query) => HasAll(query.Level) ? new(query.Level, "")
        : query.Service is { } service ? new(query.Level, service)
        : null;

    /// <summary>Of the row of a time.</summary>
    public byte[] KeyAt(long time)
    {
        var service = Encoding.UTF8.GetByteCount(Service);
        var key = new byte[ServiceStart + service + sizeof(long)];
        key[0] = (byte)(FirstLevel + (int)Level);
        BinaryPrimitives.WriteUInt16BigEndian(key.AsSpan(1), checked((ushort)service));
        Encoding.UTF8.GetBytes(Service, key.AsSpan(ServiceStart));
        Keys.Of(time).CopyTo(key, ServiceStart + service);
        return key;
    }

    /// <summary>The keys of all sections of a level, the last of them left out.</summary>
    public static (byte[] From, byte[] To) KeysOf(SeriesLevel level) =>
        ([(byte)(FirstLevel + (int)level)], [(byte)(FirstLevel + (int)level + 1)]);

    public static (Section Section, long Time) At(byte[] key) => (
        new((SeriesLevel)(key[0] - FirstLevel),
            Encoding.UTF8.GetString(key.AsSpan(ServiceStart, key.Length - ServiceStart - sizeof(long)))),
        Keys.NumberAt(key, key.Length - sizeof(long)));

    static bool HasAll(SeriesLevel level) => level is SeriesLevel.Service or SeriesLevel.ServiceEdge;
}
