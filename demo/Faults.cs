namespace Tracing.Demo;

/// <summary>
/// What goes wrong in the shop while it is switched on. The launcher knows; the services ask it every second.
/// </summary>
sealed class Faults
{
    public const string SlowHost = "slow-host";
    public const string FailingPayment = "failing-payment";
    public const string Retries = "retries";
    public const string SlowQuery = "slow-query";
    public const string LoadRamp = "load-ramp";

    public static readonly (string Name, string Text)[] Known =
    [
        (SlowHost, "one of the two hosts of the stock takes 300 ms more"),
        (FailingPayment, "a third of all payments fail"),
        (Retries, "the stock is unavailable half of the time, and the checkout asks up to four times"),
        (SlowQuery, "the catalog's search reads its whole table many times"),
        (LoadRamp, "shoppers come faster and faster, up to ten times as many, and begin again"),
    ];

    volatile HashSet<string> _on = [];

    public bool IsOn(string fault) => _on.Contains(fault);

    public void Set(IEnumerable<string> on) => _on = [.. on];

    public IReadOnlyCollection<string> On => _on;

    public bool Toggle(string fault)
    {
        HashSet<string> on = [.. _on];
        if (!on.Remove(fault))
            on.Add(fault);
        _on = on;
        return on.Contains(fault);
    }

    /// <summary>
    /// Follows the launcher's page. Its own requests are not traced, as they are no part of the shop.
    /// </summary>
    public async Task FollowAsync(Uri page, CancellationToken stop)
    {
        using var client = new HttpClient(new SocketsHttpHandler { ActivityHeadersPropagator = null });
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1));
        do
        {
            try
            {
                Set(await client.GetFromJsonAsync<string[]>(new Uri(page, "faults"), stop) ?? []);
            }
            catch (HttpRequestException)
            {
                // the launcher is on its way up or down
            }
        }
        while (await timer.WaitForNextTickAsync(stop));
    }
}
