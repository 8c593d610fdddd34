using System.IO.Compression;
using Grpc.Core;
using Grpc.Net.Compression;

namespace Tracing.Collector;

/// <summary>
/// Compression of gRPC messages. The host's own takes a message of any size once it is decompressed, and answers one
/// that cannot be decompressed with UNKNOWN and an error in the log, as if it were a defect of the server.
/// </summary>
sealed class GrpcCompression(
    string encoding, int maxBytes, Func<Stream, Stream> decompress, Func<Stream, CompressionLevel, Stream> compress)
    : ICompressionProvider
{
    public string EncodingName => encoding;

    /// <summary>gzip and deflate, which is zlib's format.</summary>
    public static IEnumerable<ICompressionProvider> All(int maxBytes) =>
    [
        new GrpcCompression("gzip", maxBytes,
            source => new GZipStream(source, CompressionMode.Decompress, leaveOpen: true),
            (target, level) => new GZipStream(target, level, leaveOpen: true)),
        new GrpcCompression("deflate", maxBytes,
            source => new ZLibStream(source, CompressionMode.Decompress, leaveOpen: true),
            (target, level) => new ZLibStream(target, level, leaveOpen: true)),
    ];

    public Stream CreateCompressionStream(Stream stream, CompressionLevel? compressionLevel) =>
        compress(stream, compressionLevel ?? CompressionLevel.Fastest);

    public Stream CreateDecompressionStream(Stream stream) => new Decompressed(decompress(stream), encoding, maxBytes);

    /// <summary>Reads on behalf of the host, which passes an RpcException on to the sender.</summary>
    sealed class Decompressed(Stream inner, string encoding, int maxBytes) : Stream
    {
        long _read;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => _read;
            set => throw new NotSupportedException();
        }

        public override int Read(Span<byte> buffer)
        {
            int read;
            try
            {
                read = inner.Read(buffer);
            }
            catch (Exception e) when (IntakeErrors.IsBadCompression(e))
            {
                throw new RpcException(new Status(
                    StatusCode.InvalidArgument, $"cannot decompress the message as {encoding}: {e.Message}"));
            }
            _read += read;
            if (_read > maxBytes)
                throw new RpcException(new Status(
                    StatusCode.ResourceExhausted, new BodyTooLargeException(maxBytes).Message));
            return read;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                inner.Dispose();
            base.Dispose(disposing);
        }
    }
}
