using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace Tracing.Collector;

/// <summary>
/// A request's bytes as gRPC reads them, which count against the budget of all bodies from their arrival until they are
/// consumed: gRPC keeps a message until it is whole. The frame's header is checked here, since the host answers one
/// that is malformed with UNKNOWN and an error in the log, as if it were a defect of the server.
/// </summary>
sealed class ChargedReader(PipeReader inner, BodyBudget budget) : PipeReader, IRequestBodyPipeFeature, IDisposable
{
    // whether it is compressed, and the length of the message, big-endian
    const int FlagBytes = 1, HeaderBytes = 5;

    ReadOnlySequence<byte> _buffer;
    long _charged;
    bool _consumed;

    PipeReader IRequestBodyPipeFeature.Reader => this;

    /// <summary>Has the endpoints of a service read this way.</summary>
    public static void Charge(IEndpointConventionBuilder service) => service.Add(endpoint =>
    {
        var next = endpoint.RequestDelegate!;
        endpoint.RequestDelegate = async context =>
        {
            using var reader = new ChargedReader(
                context.Request.BodyReader, context.RequestServices.GetRequiredService<BodyBudget>());
            context.Features.Set<IRequestBodyPipeFeature>(reader);
            await next(context);
        };
    });

    /// <exception cref="RpcException">Too many bytes are held, or the frame is malformed.</exception>
    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) =>
        Charged(await inner.ReadAsync(cancellationToken));

    public override bool TryRead(out ReadResult result)
    {
        if (!inner.TryRead(out result))
            return false;
        result = Charged(result);
        return true;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        var used = _buffer.Slice(0, consumed).Length;
        budget.Return(used);
        _charged -= used;
        _consumed |= used > 0;
        _buffer = default;
        inner.AdvanceTo(consumed, examined);
    }

    public override void CancelPendingRead() => inner.CancelPendingRead();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    public void Dispose()
    {
        budget.Return(_charged);
        _charged = 0;
    }

    ReadResult Charged(ReadResult result)
    {
        _buffer = result.Buffer;
        var more = Math.Max(0, _buffer.Length - _charged);
        try
        {
            budget.Take(more);
        }
        catch (IntakeBusyException busy)
        {
            throw RawGrpc.Unavailable(busy.Message);
        }
        _charged += more;
        // of a unary call only the first frame is read
        if (!_consumed)
            CheckFrame(_buffer);
        return result;
    }

    static void CheckFrame(in ReadOnlySequence<byte> frame)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        var length = (int)Math.Min(frame.Length, HeaderBytes);
        frame.Slice(0, length).CopyTo(header);
        if (length >= FlagBytes && header[0] > 1)
            throw new RpcException(new Status(
                StatusCode.Internal, $"the frame's compressed flag is {header[0]}, neither 0 nor 1"));
        var size = BinaryPrimitives.ReadUInt32BigEndian(header[FlagBytes..]);
        if (length == HeaderBytes && size > int.MaxValue)
            throw new RpcException(new Status(
                StatusCode.ResourceExhausted, $"the frame says that the message has {size} bytes"));
    }
}
