using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Storage;

/// <summary>A typed value: the number of its type, then its content; what is nested is an AnyValue of OTLP.</summary>
static class AttributeBytes
{
    public static void Write(ByteWriter output, AttributeValue value)
    {
        output.Write((int)value.Type);
        switch (value.Type)
        {
            case AttributeType.Empty:
                break;
            case AttributeType.String:
                output.Write(value.AsString()!);
                break;
            case AttributeType.Bool:
                output.Write(value.AsBool() ? 1 : 0);
                break;
            case AttributeType.Int:
                output.WriteSigned(value.AsInt());
                break;
            case AttributeType.Double:
                output.WriteFixed(BitConverter.DoubleToUInt64Bits(value.AsDouble()));
                break;
            default:
                output.Write(OtlpProtobuf.EncodeValue(value));
                break;
        }
    }

    /// <summary>The type of a value that was written; it takes one byte.</summary>
    public static AttributeType TypeOf(ReadOnlySpan<byte> value) => (AttributeType)value[0];

    public static AttributeValue Read(ref ByteReader input) => (AttributeType)input.ReadInt32() switch
    {
        AttributeType.Empty => default,
        AttributeType.String => new AttributeValue(input.ReadText()),
        AttributeType.Bool => new AttributeValue(input.ReadInt32() != 0),
        AttributeType.Int => new AttributeValue(input.ReadSigned()),
        AttributeType.Double => new AttributeValue(BitConverter.UInt64BitsToDouble(input.ReadFixed())),
        _ => OtlpProtobuf.DecodeValue(input.ReadBytes().ToArray()),
    };

    /// <summary>Goes over one.</summary>
    public static void Skip(ref ByteReader input)
    {
        switch ((AttributeType)input.ReadInt32())
        {
            case AttributeType.Empty:
                break;
            case AttributeType.Bool or AttributeType.Int:
                input.ReadUInt64();
                break;
            case AttributeType.Double:
                input.ReadFixed();
                break;
            default:
                input.ReadBytes();
                break;
        }
    }
}
