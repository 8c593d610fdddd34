using Microsoft.Playwright;
using Xunit;

namespace Tracing.Tests;

/// <summary>A server with traffic, and Chromium. Without one or the other the tests skip, and say why.</summary>
public sealed class UiFixture : IAsyncLifetime
{
    /// <summary>A trace of Zipkin: client and server have one id, and the server's clock is an hour late.</summary>
    public const string SharedId = "00000000000000000000000000005a1d";

    static readonly string[] Browsers = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

    RunningServer? _server;
    IPlaywright? _playwright;
    IBrowser? _browser;
    string? _missing;

    public Uri Address => _server!.Http;

    /// <summary>Of all ports, in the order in which the server listens.</summary>
    public IReadOnlyList<Uri> Addresses => _server!.Addresses;

    /// <summary>When the traffic ended.</summary>
    public DateTimeOffset Now { get; private set; }

    /// <summary>The health of the ten minutes in which a host was slow, however long ago they are.</summary>
    public string SlowMinutes =>
        $"/?from={Now.AddMinutes(-10).ToUnixTimeSeconds()}&to={Now.ToUnixTimeSeconds()}";

    public async ValueTask InitializeAsync()
    {
        if (Browsers.FirstOrDefault(File.Exists) is not { } path)
        {
            _missing = $"There is no Chromium, none of {string.Join(", ", Browsers)}: apt-get install chromium";
            return;
        }
        _server = await RunningServer.StartAsync();
        if ((await _server.Client.GetStringAsync("/zipkin/")).Contains("are not built", StringComparison.Ordinal))
        {
            _missing = "The web UI is not built, as Node.js was not found.";
            return;
        }
        Now = TimeProvider.System.GetUtcNow();
        foreach (var body in new[] { ShopTraffic.Body(Now), ShopTraffic.LargeTrace(Now, 20_000) })
            Assert.True((await _server.PostAsync("/v1/traces", body)).IsSuccessStatusCode);
        var micros = Now.AddMinutes(-2).ToUnixTimeMilliseconds() * 1000;
        Assert.True((await _server.PostAsync("/api/v2/spans", $$$"""
            [{"traceId":"{{{SharedId}}}","id":"7","kind":"CLIENT","name":"ask","timestamp":{{{micros}}},"duration":900,
              "localEndpoint":{"serviceName":"caller"},"tags":{"side":"of the caller"}},
             {"traceId":"{{{SharedId}}}","id":"7","kind":"SERVER","shared":true,"name":"ask",
              "timestamp":{{{micros - 3_600_000_000}}},"duration":800,
              "localEndpoint":{"serviceName":"callee"},"tags":{"side":"of the callee"}}]
            """)).IsSuccessStatusCode);
        _playwright = await Playwright.CreateAsync();
        // a machine with much to do is no failure
        Assertions.SetDefaultExpectTimeout(60_000);
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = path,
            Args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        });
    }

    /// <summary>A page of its own, which collects what goes wrong in it.</summary>
    public async Task<(IPage Page, List<string> Problems)> OpenAsync(
        string path, ColorScheme colors = ColorScheme.Light, int width = 1440)
    {
        Assert.SkipWhen(_missing is not null, _missing ?? "");
        var context = await _browser!.NewContextAsync(new BrowserNewContextOptions
        {
            ColorScheme = colors,
            ViewportSize = new ViewportSize { Width = width, Height = 900 },
            BaseURL = Address.ToString(),
        });
        var page = await context.NewPageAsync();
        var problems = new List<string>();
        page.Console += (_, message) =>
        {
            if (message.Type == "error")
                problems.Add(message.Text);
        };
        page.PageError += (_, error) => problems.Add(error);
        page.Request += (_, request) =>
        {
            // data: and blob: are of the page itself
            if (request.Url.StartsWith("http", StringComparison.Ordinal) && !Address.IsBaseOf(new Uri(request.Url)))
                problems.Add($"a request to {request.Url}");
        };
        await page.GotoAsync(path);
        return (page, problems);
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
            await _browser.CloseAsync();
        _playwright?.Dispose();
        if (_server is not null)
            await _server.DisposeAsync();
    }
}
