using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace Tracing.Collector;

/// <summary>
/// A request's bytes as gRPC reads them, which count against the budget of all bodies from their arrival until they are
/// consumed: gRPC keeps a message until it is whole.
/// </summary>
sealed class ChargedReader(PipeReader inner, BodyBudget budget) : PipeReader, IRequestBodyPipeFeature, IDisposable
{
    ReadOnlySequence<byte> _buffer;
    long _charged;

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

    /// <exception cref="Grpc.Core.RpcException">Too many bytes are held.</exception>
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
        return result;
    }
}
