using System.Buffers.Binary;
using Tracing.Storage.Tables;

namespace Tracing.Storage.Engine;

/// <summary>
/// Where spans are in the order stored: what rows of blocks call the commit that they came with. The names compare byte
/// by byte as the places do.
/// </summary>
/// <param name="Stored">When the group was begun, microseconds since 1970.</param>
/// <param name="Writer">Who wrote it.</param>
/// <param name="Run">
/// Of a group whose spans start in several hours, and so are in several blocks: how often the spans of the trace have
/// gone from one hour to another before these.
/// </param>
readonly record struct CommitPlace(long Stored, long Writer, int Run = 0) : IComparable<CommitPlace>
{
    const int GroupBytes = 2 * sizeof(long);

    public static CommitPlace Of(byte[] name) => new(Keys.NumberAt(name, 0), Keys.NumberAt(name, sizeof(long)),
        name.Length == GroupBytes ? 0 : BinaryPrimitives.ReadInt32BigEndian(name.AsSpan(GroupBytes)));

    public byte[] ToName()
    {
        var group = Keys.Of(Stored, Writer);
        if (Run == 0)
            return group;
        var name = new byte[GroupBytes + sizeof(int)];
        group.CopyTo(name, 0);
        BinaryPrimitives.WriteInt32BigEndian(name.AsSpan(GroupBytes), Run);
        return name;
    }

    public int CompareTo(CommitPlace other) => Stored != other.Stored ? Stored.CompareTo(other.Stored)
        : Writer != other.Writer ? Writer.CompareTo(other.Writer)
        : Run.CompareTo(other.Run);
}
