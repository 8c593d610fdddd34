using System.Diagnostics;

namespace Tracing.Demo.Services;

/// <summary>People who look, choose and buy, so many a second.</summary>
sealed class Shoppers(DemoSettings settings, Faults faults, HttpClient http) : BackgroundService
{
    static readonly ActivitySource Source = new("Shop.Shoppers");

    /// <summary>How long a ramp takes to ten times the rate.</summary>
    static readonly TimeSpan Ramp = TimeSpan.FromMinutes(3);

    /// <summary>Visits at one time; beyond it nobody comes in.</summary>
    const int MaxVisits = 200;

    int _visits;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var started = Stopwatch.GetTimestamp();
        while (!stoppingToken.IsCancellationRequested)
        {
            var rate = settings.Rate;
            if (faults.IsOn(Faults.LoadRamp))
                rate *= 1 + 9 * (Stopwatch.GetElapsedTime(started) / Ramp % 1);
            else
                started = Stopwatch.GetTimestamp();
            // exponential, as people come on their own
            await Task.Delay(TimeSpan.FromSeconds(-Math.Log(1 - Random.Shared.NextDouble()) / rate), stoppingToken);
            if (Volatile.Read(ref _visits) < MaxVisits)
                _ = VisitAsync(stoppingToken);
        }
    }

    async Task VisitAsync(CancellationToken stop)
    {
        Interlocked.Increment(ref _visits);
        try
        {
            var customer = $"c{Random.Shared.Next(500)}";
            using var span = Source.StartActivity("visit");
            span?.SetTag("shop.customer", customer);
            span?.SetBaggage("customer", customer);
            await GetAsync($"/search?q={Random.Shared.Next(100)}", stop);
            var article = 1 + Random.Shared.Next(2000);
            await GetAsync($"/article/{article}", stop);
            if (Random.Shared.Next(2) == 0)
                return;
            await PostAsync($"/cart/{customer}/{article}", stop);
            if (Random.Shared.Next(2) == 0)
                await PostAsync($"/checkout/{customer}", stop);
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            // the shop is on its way up or down
        }
        finally
        {
            Interlocked.Decrement(ref _visits);
        }
    }

    async Task GetAsync(string path, CancellationToken stop)
    {
        using var response = await http.GetAsync(new Uri(settings.AddressOf("storefront"), path), stop);
    }

    async Task PostAsync(string path, CancellationToken stop)
    {
        using var response = await http.PostAsync(new Uri(settings.AddressOf("storefront"), path), null, stop);
    }
}
