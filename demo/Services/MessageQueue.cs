using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Threading.Channels;
using Tracing.Instrumentation;

namespace Tracing.Demo.Services;

/// <summary>A message as it lies in the queue: the headers carry the trace.</summary>
sealed record Message(Dictionary<string, string> Headers, OrderPlaced Content);

/// <summary>
/// A queue of messages, in memory, with the sending side of it. It takes and hands out messages over HTTP, untraced as
/// those of brokers are; the spans of who sends and who receives meet in the messages' headers.
/// </summary>
static class MessageQueue
{
    public static readonly ActivitySource Source = new("Shop.Queue");

    /// <summary>Messages of a topic; the oldest go, as a demo needs no more.</summary>
    const int Capacity = 10_000;

    static readonly TimeSpan LongPoll = TimeSpan.FromSeconds(5);

    public static void Map(WebApplication app)
    {
        var topics = new ConcurrentDictionary<string, Channel<Message>>();
        Channel<Message> Topic(string name) => topics.GetOrAdd(name, _ => Channel.CreateBounded<Message>(
            new BoundedChannelOptions(Capacity) { FullMode = BoundedChannelFullMode.DropOldest }));

        app.MapPost("/{topic}", (string topic, Message message) => Topic(topic).Writer.TryWrite(message));
        app.MapGet("/{topic}", async (string topic, CancellationToken cancelled) =>
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancelled);
            patience.CancelAfter(LongPoll);
            try
            {
                return Results.Ok(await Topic(topic).Reader.ReadAsync(patience.Token));
            }
            catch (OperationCanceledException)
            {
                return Results.NoContent();
            }
        });
    }

    public static async Task SendAsync(HttpClient http, Uri queue, string topic, OrderPlaced content)
    {
        using var span = Source.StartActivity($"send {topic}", ActivityKind.Producer);
        span?.SetTag("messaging.system", "shop-queue");
        span?.SetTag("messaging.operation.type", "send");
        span?.SetTag("messaging.destination.name", topic);
        var headers = new Dictionary<string, string>();
        Propagation.Inject(span ?? Activity.Current, headers, static (to, name, value) => to[name] = value);
        using var response = await http.PostAsJsonAsync(new Uri(queue, topic), new Message(headers, content));
        response.EnsureSuccessStatusCode();
    }

    /// <summary>The next message; null if none came for a while.</summary>
    public static async Task<Message?> ReceiveAsync(
        HttpClient http, Uri queue, string topic, CancellationToken cancellationToken)
    {
        using var response = await http.GetAsync(new Uri(queue, topic), cancellationToken);
        response.EnsureSuccessStatusCode();
        return response.StatusCode == HttpStatusCode.NoContent
            ? null
            : await response.Content.ReadFromJsonAsync<Message>(cancellationToken);
    }
}

/// <summary>Writes to customers whose orders are placed.</summary>
sealed class Mailer(DemoSettings settings) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // waiting for messages is no part of any trace
        using var http = new HttpClient(new SocketsHttpHandler { ActivityHeadersPropagator = null });
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (await MessageQueue.ReceiveAsync(
                    http, settings.AddressOf("queue"), "orders", stoppingToken) is { } message)
                    await MailAsync(message, stoppingToken);
            }
            catch (HttpRequestException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(500), stoppingToken);
            }
        }
    }

    static async Task MailAsync(Message message, CancellationToken stop)
    {
        var sent = Propagation.Extract(message.Headers, static (from, name) => from.GetValueOrDefault(name));
        using var span = MessageQueue.Source.StartActivity("process orders", ActivityKind.Consumer, sent.Context,
            links: [new ActivityLink(sent.Context)]);
        span?.SetTag("messaging.system", "shop-queue");
        span?.SetTag("messaging.operation.type", "process");
        span?.SetTag("messaging.destination.name", "orders");
        span?.SetTag("shop.customer", message.Content.Customer);
        await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.Next(2, 20)), stop);
    }
}
