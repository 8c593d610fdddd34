using System.Collections.Concurrent;
using System.Diagnostics;
using Grpc.Core;

namespace Tracing.Demo.Services;

/// <summary>What customers have chosen.</summary>
sealed class CartService : Cart.CartBase
{
    /// <summary>Articles of a cart; the oldest go.</summary>
    const int MaxArticles = 20;

    static readonly ConcurrentDictionary<string, ConcurrentQueue<int>> Carts = new();

    public override Task<CartContent> Add(CartItem request, ServerCallContext context)
    {
        var cart = Carts.GetOrAdd(request.Customer, _ => new ConcurrentQueue<int>());
        cart.Enqueue(request.Article);
        while (cart.Count > MaxArticles)
            cart.TryDequeue(out _);
        return Task.FromResult(Content(request.Customer));
    }

    public override Task<CartContent> Get(CartKey request, ServerCallContext context) =>
        Task.FromResult(Content(request.Customer));

    static CartContent Content(string customer)
    {
        var content = new CartContent();
        if (Carts.TryGetValue(customer, out var cart))
            content.Articles.AddRange(cart);
        return content;
    }
}

/// <summary>How much there is of each article; on two hosts, of which one can be slow.</summary>
sealed class StockService(ShopDatabase database, Faults faults, DemoSettings settings) : Stock.StockBase
{
    public const string Table = "CREATE TABLE stock (article INTEGER PRIMARY KEY, left INTEGER NOT NULL)";

    static readonly TimeSpan SlowBy = TimeSpan.FromMilliseconds(300);

    public override Task<StockAnswer> Check(StockItem request, ServerCallContext context) =>
        AnswerAsync("SELECT stock", "SELECT left FROM stock WHERE article = $p", request.Article);

    public override Task<StockAnswer> Reserve(StockItem request, ServerCallContext context) =>
        AnswerAsync("INSERT stock", "INSERT INTO stock VALUES ($p, 999) " +
            "ON CONFLICT (article) DO UPDATE SET left = max(0, left - 1) RETURNING left", request.Article);

    async Task<StockAnswer> AnswerAsync(string summary, string sql, int article)
    {
        if (faults.IsOn(Faults.SlowHost) && settings.Service == "stock-2")
            await Task.Delay(SlowBy);
        if (faults.IsOn(Faults.Retries) && Random.Shared.Next(2) == 0)
            throw new RpcException(new Status(StatusCode.Unavailable, "the stock is being counted"));
        var left = await database.QueryAsync(summary, sql, article,
            async reader => await reader.ReadAsync() ? reader.GetInt32(0) : 1000);
        return new StockAnswer { Available = left > 0, Left = left };
    }
}

/// <summary>Takes the money, from a bank that can fail.</summary>
sealed class PaymentService(Faults faults) : Payment.PaymentBase
{
    static readonly ActivitySource Source = new("Shop.Payment");

    public override async Task<ChargeAnswer> Charge(ChargeRequest request, ServerCallContext context)
    {
        using var span = Source.StartActivity("authorize", ActivityKind.Internal);
        span?.SetTag("payment.cents", request.Cents);
        span?.SetTag("payment.method", request.Cents % 3 == 0 ? "card" : "transfer");
        // log-normal, as latencies of others are
        var normal = Math.Sqrt(-2 * Math.Log(1 - Random.Shared.NextDouble())) *
            Math.Cos(2 * Math.PI * Random.Shared.NextDouble());
        await Task.Delay(TimeSpan.FromMilliseconds(Math.Min(400, 12 * Math.Exp(0.6 * normal))));
        span?.AddEvent(new ActivityEvent("bank answered"));
        if (faults.IsOn(Faults.FailingPayment) && Random.Shared.Next(3) == 0)
        {
            var refusal = new InvalidOperationException("the bank did not answer");
            span?.AddException(refusal);
            span?.SetStatus(ActivityStatusCode.Error, refusal.Message);
            throw new RpcException(new Status(StatusCode.Internal, refusal.Message));
        }
        return new ChargeAnswer { Receipt = $"R{Random.Shared.Next(1_000_000):D6}" };
    }
}
