using System.Diagnostics;
using Thrift.Processor;
using Thrift.Protocol;
using Thrift.Protocol.Entities;
using Thrift.Protocol.Utilities;
using Tracing.Instrumentation;

namespace Tracing.Tests.Instrumentation;

/// <summary>
/// Contexts over Apache Thrift, as an example of a carrier of one's own. Calls have no headers there, so that they go
/// as a map in front of the arguments, in a field that no definition has: whoever does not know it skips it. Generated
/// code stays as it is; the client writes with this protocol, the server wraps its processor in the one below.
/// </summary>
sealed class TracedProtocol(TProtocol protocol) : TProtocolDecorator(protocol)
{
    public const short Field = short.MinValue;

    bool _argumentsFollow;

    public override Task WriteMessageBeginAsync(TMessage message, CancellationToken cancellationToken)
    {
        _argumentsFollow = message.Type is TMessageType.Call or TMessageType.Oneway;
        return base.WriteMessageBeginAsync(message, cancellationToken);
    }

    public override async Task WriteStructBeginAsync(TStruct @struct, CancellationToken cancellationToken)
    {
        await base.WriteStructBeginAsync(@struct, cancellationToken);
        if (!_argumentsFollow)
            return;
        _argumentsFollow = false;
        var headers = new Dictionary<string, string>();
        Propagation.Inject(Activity.Current, headers, static (to, name, value) => to[name] = value);
        await WriteFieldBeginAsync(new TField("context", TType.Map, Field), cancellationToken);
        await WriteMapBeginAsync(new TMap(TType.String, TType.String, headers.Count), cancellationToken);
        foreach (var (name, value) in headers)
        {
            await WriteStringAsync(name, cancellationToken);
            await WriteStringAsync(value, cancellationToken);
        }
        await WriteMapEndAsync(cancellationToken);
        await WriteFieldEndAsync(cancellationToken);
    }
}

/// <summary>Makes a span of each call, within which the service's own code runs.</summary>
sealed class TracedProcessor(ITAsyncProcessor processor, ActivitySource source) : ITAsyncProcessor
{
    public async Task<bool> ProcessAsync(TProtocol input, TProtocol output, CancellationToken cancellationToken)
    {
        var message = await input.ReadMessageBeginAsync(cancellationToken);
        var arguments = await input.ReadStructBeginAsync(cancellationToken);
        var field = await input.ReadFieldBeginAsync(cancellationToken);
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        if (field is { ID: TracedProtocol.Field, Type: TType.Map })
        {
            await ReadAsync(input, headers, cancellationToken);
            field = await input.ReadFieldBeginAsync(cancellationToken);
        }
        var sent = Propagation.Extract(headers, static (from, name) => from.GetValueOrDefault(name));
        using var span = source.StartActivity(message.Name, ActivityKind.Server, sent.Context);
        foreach (var (key, value) in sent.Baggage ?? [])
            span?.AddBaggage(key, value);
        return await processor.ProcessAsync(new Begun(input, message, arguments, field), output, cancellationToken);
    }

    static async Task ReadAsync(TProtocol input, Dictionary<string, string> headers, CancellationToken stop)
    {
        var map = await input.ReadMapBeginAsync(stop);
        var isText = (map.KeyType, map.ValueType) == (TType.String, TType.String);
        for (var i = 0; i < map.Count; i++)
        {
            if (isText)
            {
                headers[await input.ReadStringAsync(stop)] = await input.ReadStringAsync(stop);
                continue;
            }
            await TProtocolUtil.SkipAsync(input, map.KeyType, stop);
            await TProtocolUtil.SkipAsync(input, map.ValueType, stop);
        }
        await input.ReadMapEndAsync(stop);
        await input.ReadFieldEndAsync(stop);
    }

    /// <summary>A message of which the beginning has been read, which is handed out once more.</summary>
    sealed class Begun(TProtocol protocol, TMessage message, TStruct arguments, TField field)
        : TProtocolDecorator(protocol)
    {
        bool _structIsRead, _fieldIsRead;

        public override ValueTask<TMessage> ReadMessageBeginAsync(CancellationToken cancellationToken) => new(message);

        public override ValueTask<TStruct> ReadStructBeginAsync(CancellationToken cancellationToken)
        {
            if (_structIsRead)
                return base.ReadStructBeginAsync(cancellationToken);
            _structIsRead = true;
            return new(arguments);
        }

        public override ValueTask<TField> ReadFieldBeginAsync(CancellationToken cancellationToken)
        {
            if (_fieldIsRead)
                return base.ReadFieldBeginAsync(cancellationToken);
            _fieldIsRead = true;
            return new(field);
        }
    }
}
