namespace Tracing.Model.Wire;

/// <summary>A body that cannot be decoded: nothing of it is taken. The message is for the sender.</summary>
public sealed class WireException : Exception
{
    /// <param name="reason">What is wrong, with the offending value where there is one.</param>
    /// <param name="byteOffset">Where in the (decompressed) body, from 0; null when no place can be named.</param>
    public WireException(string reason, long? byteOffset, Exception? inner = null)
        : base(byteOffset is { } at ? $"{reason} at byte {at}" : reason, inner) => ByteOffset = byteOffset;

    public long? ByteOffset { get; }
}
