using Grpc.Core;
using Grpc.Net.Client;

namespace Tracing.Demo.Services;

/// <summary>What shoppers see; it asks the others.</summary>
static class Storefront
{
    public static void Map(WebApplication app)
    {
        var settings = app.Services.GetRequiredService<DemoSettings>();
        var http = app.Services.GetRequiredService<HttpClient>();
        var cart = new Cart.CartClient(GrpcChannel.ForAddress(settings.AddressOf("cart")));
        var stock = new Stock.StockClient(GrpcChannel.ForAddress(settings.AddressOf("stock")));
        var catalog = settings.AddressOf("catalog");

        app.MapGet("/search", async (string q) => Results.Content(
            await http.GetStringAsync(new Uri(catalog, $"/articles?q={Uri.EscapeDataString(q)}")), "application/json"));
        app.MapGet("/article/{id:int}", async (int id) =>
        {
            var article = http.GetStringAsync(new Uri(catalog, $"/articles/{id}"));
            var left = LeftAsync(stock, id);
            return Results.Ok(new { article = await article, left = await left });
        });
        app.MapPost("/cart/{customer}/{id:int}", async (string customer, int id) =>
            (await cart.AddAsync(new CartItem { Customer = customer, Article = id })).Articles.Count);
        app.MapPost("/checkout/{customer}", async (string customer) =>
        {
            using var response = await http.PostAsync(
                new Uri(settings.AddressOf("checkout"), $"/orders/{customer}"), null);
            return Results.StatusCode((int)response.StatusCode);
        });
    }

    /// <summary>A page is shown without it, too.</summary>
    static async Task<int?> LeftAsync(Stock.StockClient stock, int article)
    {
        try
        {
            return (await stock.CheckAsync(new StockItem { Article = article })).Left;
        }
        catch (RpcException)
        {
            return null;
        }
    }
}

/// <summary>Makes an order of a cart: reserves, takes the money, and leaves a message for the mailer.</summary>
static class Checkout
{
    const int MaxAttempts = 4;

    public static void Map(WebApplication app)
    {
        var settings = app.Services.GetRequiredService<DemoSettings>();
        var http = app.Services.GetRequiredService<HttpClient>();
        var cart = new Cart.CartClient(GrpcChannel.ForAddress(settings.AddressOf("cart")));
        var payment = new Payment.PaymentClient(GrpcChannel.ForAddress(settings.AddressOf("payment")));
        Stock.StockClient[] stocks =
        [
            new(GrpcChannel.ForAddress(settings.AddressOf("stock"))),
            new(GrpcChannel.ForAddress(settings.AddressOf("stock-2"))),
        ];
        app.MapPost("/orders/{customer}", async (string customer) =>
        {
            var articles = (await cart.GetAsync(new CartKey { Customer = customer })).Articles.Take(3).ToList();
            foreach (var article in articles)
                await ReserveAsync(stocks, article);
            var receipt = await payment.ChargeAsync(
                new ChargeRequest { Customer = customer, Cents = 100 + 250 * articles.Count });
            await MessageQueue.SendAsync(
                http, settings.AddressOf("queue"), "orders", new OrderPlaced(customer, receipt.Receipt));
            return receipt.Receipt;
        });
    }

    static async Task ReserveAsync(Stock.StockClient[] stocks, int article)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await stocks[Random.Shared.Next(stocks.Length)].ReserveAsync(new StockItem { Article = article });
                return;
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.Unavailable && attempt < MaxAttempts)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(5 * attempt));
            }
        }
    }
}

/// <summary>Said to whom it may concern once an order is paid.</summary>
sealed record OrderPlaced(string Customer, string Receipt);
