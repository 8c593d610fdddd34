using Microsoft.AspNetCore.Server.Kestrel.Core;
using Tracing.Demo.Services;

namespace Tracing.Demo;

/// <summary>What all services of the shop have in common: a host that is traced, on a port of its own.</summary>
static class ShopService
{
    public static async Task RunAsync(DemoSettings settings)
    {
        var builder = WebApplication.CreateSlimBuilder();
        var name = settings.Service == "stock-2" ? "stock" : settings.Service;
        var isGrpc = name is "cart" or "stock" or "payment";
        // what fails on purpose is to be seen in traces; and a terminal's Ctrl+C ends the server too, at the same time
        builder.Logging.SetMinimumLevel(LogLevel.Warning)
            .AddFilter("Microsoft.AspNetCore", LogLevel.Critical).AddFilter("Grpc", LogLevel.Critical)
            .AddFilter("Tracing.Instrumentation", LogLevel.Error);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenLocalhost(
            settings.AddressOf(settings.Service).Port,
            listen => listen.Protocols = isGrpc ? HttpProtocols.Http2 : HttpProtocols.Http1));
        builder.Services.AddTracing(tracing =>
        {
            tracing.ServiceName = name;
            tracing.Endpoint = settings.Server;
            tracing.StopTimeout = TimeSpan.FromSeconds(1);
            tracing.ResourceAttributes["service.instance.id"] = settings.Service;
            tracing.ResourceAttributes["service.version"] = "1.0";
            tracing.ResourceAttributes["deployment.environment.name"] = "demo";
        });
        builder.Services.AddSingleton(settings);
        builder.Services.AddSingleton<Faults>();
        builder.Services.AddSingleton(new HttpClient());
        if (isGrpc)
            builder.Services.AddGrpc();
        if (name is "catalog" or "stock")
            builder.Services.AddSingleton(new ShopDatabase($"{settings.Service}-db"));
        if (name == "mailer")
            builder.Services.AddHostedService<Mailer>();
        if (name == "shoppers")
            builder.Services.AddHostedService<Shoppers>();
        await using var app = builder.Build();
        Map(app, name);
        var faults = app.Services.GetRequiredService<Faults>();
        _ = faults.FollowAsync(settings.FaultsPage, app.Lifetime.ApplicationStopping);
        _ = StopWithInputAsync(app);
        await app.RunAsync();
    }

    static void Map(WebApplication app, string name)
    {
        switch (name)
        {
            case "storefront": Storefront.Map(app); break;
            case "catalog": Catalog.Map(app); break;
            case "checkout": Checkout.Map(app); break;
            case "queue": MessageQueue.Map(app); break;
            case "cart": app.MapGrpcService<CartService>(); break;
            case "payment": app.MapGrpcService<PaymentService>(); break;
            case "stock":
                app.Services.GetRequiredService<ShopDatabase>().Fill(StockService.Table);
                app.MapGrpcService<StockService>();
                break;
        }
    }

    /// <summary>The launcher holds the other end, so that no service outlives it.</summary>
    static async Task StopWithInputAsync(WebApplication app)
    {
        await using var input = Console.OpenStandardInput();
        var buffer = new byte[1];
        while (await input.ReadAsync(buffer) > 0)
        {
            // nothing is said there
        }
        await app.StopAsync();
    }
}
