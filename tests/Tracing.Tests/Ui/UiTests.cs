using System.Text.RegularExpressions;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Tracing.Tests;

/// <summary>What a person does with the pages, in a real browser against the real server.</summary>
public sealed partial class UiTests(UiFixture ui) : IClassFixture<UiFixture>
{
    const string Shop = "/service?service=stock&last=30m";

    /// <summary>Name and address of each page.</summary>
    public static TheoryData<string, string> Pages => new()
    {
        { "health", "/?last=15m" },
        { "service", Shop },
        { "search", "/search?last=1h" },
        { "trace", $"/traces/{1:x32}?span={3:x16}" },
        { "flame", $"/traces/{1:x32}?tab=flame" },
        { "statistics", $"/traces/{1:x32}?tab=statistics" },
        { "raw", $"/traces/{1:x32}?tab=raw" },
        { "compare", $"/compare?a={1:x32}&b={4:x32}" },
        { "dependencies", "/dependencies?last=1h" },
        { "system", "/system" },
        { "view", "/view" },
        { "focus", "/dependencies?last=1h&focus=shop" },
        { "table", "/dependencies?last=1h&view=table" },
        { "choose", $"/compare?a={1:x32}" },
        { "nothing", "/?from=1000&to=2000" },
        { "nothing found", "/search?from=1000&to=2000" },
    };

    [Fact]
    public async Task From_the_first_page_to_the_slow_host_in_three_clicks()
    {
        var (page, problems) = await ui.OpenAsync(ui.SlowMinutes);
        await page.Locator(".changes a", new() { HasText = "stock" }).First.ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Select the slowest" }).ClickAsync();
        await Expect(page.Locator(".common li", new() { HasText = ShopTraffic.SlowHost }).First).ToBeVisibleAsync();
        await page.Locator(".selection .traces a").First.ClickAsync();
        await Expect(page.Locator(".row.selected")).ToBeVisibleAsync();
        await Expect(page.Locator(".details")).ToContainTextAsync(ShopTraffic.SlowHost);
        await Expect(page.Locator(".track .bar.critical").First).ToBeVisibleAsync();
        Assert.Empty(problems);
    }

    [Fact]
    public async Task What_is_slow_is_brushed_shared_traced_and_found_elsewhere()
    {
        var (page, problems) = await ui.OpenAsync(ui.SlowMinutes);
        await page.Locator(".changes a", new() { HasText = "stock" }).First.ClickAsync();
        var map = page.Locator(".heatmap canvas");
        await DrawAsync(page, map, 70, 2, -5, -60);
        await Expect(page.Locator(".selection .traces a")).ToHaveCountAsync(12);
        var host = page.Locator(".common li", new() { HasText = ShopTraffic.SlowHost });
        await Expect(host.First).ToBeVisibleAsync();

        var (other, _) = await ui.OpenAsync(new Uri(page.Url).PathAndQuery);
        await Expect(other.Locator(".common li", new() { HasText = ShopTraffic.SlowHost }).First).ToBeVisibleAsync();

        await page.Locator(".selection .traces a").First.ClickAsync();
        await Expect(page.Locator(".details")).ToContainTextAsync(ShopTraffic.SlowHost);
        await page.GetByRole(AriaRole.Button, new() { Name = "Critical path only" }).ClickAsync();
        await Expect(page.Locator(".track .bar:not(.critical)")).ToHaveCountAsync(0);
        await Expect(page.Locator(".row.selected .bar.critical")).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = $"Find others with host.name = {ShopTraffic.SlowHost}" })
            .ClickAsync();
        await Expect(page).ToHaveURLAsync(new Regex("/search.*stock-3"));
        await Expect(page.Locator(".traces a").First).ToBeVisibleAsync();
        Assert.Empty(problems);
    }

    [Fact]
    public async Task A_trend_that_is_drawn_across_becomes_the_time_of_the_page()
    {
        var (page, _) = await ui.OpenAsync("/?last=30m");
        var trend = page.Locator(".spark").First;
        await Expect(trend.Locator("path")).ToHaveAttributeAsync("d", new Regex("L"));
        await DrawAsync(page, trend, 20, 10, -20, -10);
        await Expect(page).ToHaveURLAsync(new Regex(@"from=\d+&to=\d+"));
    }

    [Fact]
    public async Task The_system_tells_what_is_stored_and_strategies()
    {
        var (page, _) = await ui.OpenAsync("/system");
        await Expect(page.Locator("tr", new() { HasText = "Just written" })).ToContainTextAsync("iB");
        await Expect(page.Locator("tr", new() { HasText = "stock" })).ToContainTextAsync("100.0 %");
        await Expect(page.Locator("main")).ToContainTextAsync("for 7 days");
    }

    [Fact]
    public async Task A_search_is_completed_narrowed_and_shared_by_its_address()
    {
        var (page, _) = await ui.OpenAsync("/search?last=1h");
        var line = page.GetByRole(AriaRole.Combobox, new() { NameRegex = QueryLine() });
        await line.PressSequentiallyAsync("resource.host.name = ");
        await page.GetByRole(AriaRole.Option, new() { Name = ShopTraffic.SlowHost }).ClickAsync();
        await line.PressAsync("Enter");
        await Expect(page).ToHaveURLAsync(new Regex("stock-3"));
        await page.Locator(".facets button", new() { HasText = "error" }).First.ClickAsync();
        await Expect(page).ToHaveURLAsync(new Regex("status"));
        await Expect(page.Locator(".results .panel").First).ToBeVisibleAsync();
        var found = await page.Locator(".traces a").CountAsync();

        var (other, _) = await ui.OpenAsync(new Uri(page.Url).PathAndQuery);
        await Expect(other.Locator(".traces a")).ToHaveCountAsync(found);
    }

    [Fact]
    public async Task Others_with_the_value_of_an_attribute_are_found()
    {
        var (page, _) = await ui.OpenAsync($"/traces/{1:x32}?span={3:x16}&last=1h");
        await page.GetByRole(AriaRole.Link, new() { Name = "Find others with http.route" }).ClickAsync();
        await Expect(page.Locator(".traces a").First).ToBeVisibleAsync();
    }

    [Fact]
    public async Task A_trace_id_in_the_query_line_opens_the_trace()
    {
        var (page, _) = await ui.OpenAsync("/search");
        await page.GetByRole(AriaRole.Combobox, new() { NameRegex = QueryLine() }).FillAsync($"{1:x32}");
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator(".row")).ToHaveCountAsync(4);
    }

    [Fact]
    public async Task A_trace_is_viewed_without_being_stored()
    {
        var (page, _) = await ui.OpenAsync("/view");
        await page.GetByLabel("JSON of a trace").FillAsync("""
            [{"traceId":"abcd","id":"1","name":"pasted","timestamp":1000,"duration":50}]
            """);
        await Expect(page.Locator(".row")).ToContainTextAsync("pasted");
        await Expect(page.Locator(".trace-facts")).ToContainTextAsync("not stored");
        await page.GetByRole(AriaRole.Button, new() { Name = "Another trace" }).ClickAsync();
        await Expect(page.GetByLabel("JSON of a trace")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task A_file_that_is_dropped_anywhere_is_viewed_and_what_is_wrong_with_it_is_said()
    {
        var (page, _) = await ui.OpenAsync("/?last=30m");
        await DropAsync(page, """[{"traceId":"abcd","id":"1","name":"dropped","timestamp":1000,"duration":50}]""");
        await Expect(page.Locator(".row")).ToContainTextAsync("dropped");
        await DropAsync(page, """
            {"data":[{"traceID":"ef","processes":{},"spans":[{"traceID":"ef","spanID":"2",
              "operationName":"of Jaeger","startTime":1,"duration":2,"processID":"p"}]}]}
            """);
        await Expect(page.Locator(".row")).ToContainTextAsync("of Jaeger");
        await DropAsync(page, "no trace");
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("This is no JSON");
    }

    [Fact]
    public async Task Logs_are_linked_by_a_template_that_the_browser_keeps()
    {
        var (page, _) = await ui.OpenAsync($"/traces/{1:x32}?span={3:x16}");
        await page.GetByRole(AriaRole.Button, new() { Name = "Link logs" }).ClickAsync();
        var dialog = page.GetByRole(AriaRole.Dialog);
        await dialog.GetByLabel("Address").FillAsync("javascript:alert(1)");
        await page.Keyboard.PressAsync("Enter");
        await Expect(dialog.GetByRole(AriaRole.Alert)).ToContainTextAsync("must start with http");
        await AssertUsableByAllAsync(page);
        await dialog.GetByLabel("Address").FillAsync("https://logs.example/?t={traceId}&h={host}");
        await page.Keyboard.PressAsync("Enter");
        await Expect(dialog).ToHaveCountAsync(0);
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = "Logs" }))
            .ToHaveAttributeAsync("href", $"https://logs.example/?t={1:x32}&h=stock-0");
        await page.ReloadAsync();
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = "Logs" })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Live_the_page_looks_again_by_itself()
    {
        var (page, _) = await ui.OpenAsync("/?last=30m");
        await page.GetByRole(AriaRole.Button, new() { Name = "Live" }).ClickAsync();
        await Expect(page).ToHaveURLAsync(new Regex("live=1"));
        var before = page.Url;
        await page.RunAndWaitForRequestAsync(() => Task.CompletedTask,
            request => request.Url.Contains("/api/tracing/services?", StringComparison.Ordinal));
        Assert.Equal(before, page.Url);
    }

    [Fact]
    public async Task Of_the_halves_of_an_exchange_with_one_id_each_is_shown_when_it_is_chosen()
    {
        var (page, _) = await ui.OpenAsync($"/traces/{UiFixture.SharedId}");
        await page.Locator(".row", new() { HasText = "callee" }).ClickAsync();
        await Expect(page.Locator(".details .span-facts")).ToContainTextAsync("server");
        await Expect(page.Locator(".details")).ToContainTextAsync("of the callee");
        await page.Locator(".row", new() { HasText = "caller" }).ClickAsync();
        await Expect(page.Locator(".details .span-facts")).ToContainTextAsync("client");
        await Expect(page.Locator(".details")).ToContainTextAsync("of the caller");
        await Expect(page.GetByText("clocks corrected")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Of_a_large_trace_only_what_is_seen_is_in_the_page()
    {
        var (page, _) = await ui.OpenAsync($"/traces/{0xffff:x32}");
        await Expect(page.Locator(".trace-facts")).ToContainTextAsync("20.0 k");
        await Expect(page.Locator(".trace-tools .spinner")).ToHaveCountAsync(0);
        await page.Locator(".rows").EvaluateAsync("rows => rows.scrollTop = rows.scrollHeight");
        await Expect(page.Locator(".row").Last).ToContainTextAsync("step");
        Assert.InRange(await page.Locator(".row").CountAsync(), 10, 120);
    }

    [Fact]
    public async Task The_keyboard_goes_along_the_rows_and_between_pages()
    {
        var (page, _) = await ui.OpenAsync($"/traces/{1:x32}");
        await Expect(page.Locator(".row")).ToHaveCountAsync(4);
        await page.Keyboard.PressAsync("j");
        await Expect(page.Locator(".row.selected")).ToContainTextAsync("GET /cart");
        await page.Keyboard.PressAsync("j");
        await Expect(page.Locator(".row.selected")).ToContainTextAsync("stock.Reserve");
        await page.Keyboard.PressAsync("ArrowLeft");
        await Expect(page.Locator(".row")).ToHaveCountAsync(2);
        await page.Keyboard.PressAsync("?");
        await Expect(page.GetByRole(AriaRole.Dialog)).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("Escape");
        await page.Keyboard.PressAsync("g");
        await page.Keyboard.PressAsync("d");
        await Expect(page).ToHaveURLAsync(new Regex("/dependencies"));
    }

    [Fact]
    public async Task What_is_not_stored_and_what_is_wrong_is_said()
    {
        var (page, _) = await ui.OpenAsync("/traces/1234567890abcdef");
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("no span of trace");
        await page.GotoAsync("/search?q=%7B%20nonsense%20%3D%20%7D");
        await Expect(page.GetByRole(AriaRole.Alert).First).ToContainTextAsync("column");
        await page.GotoAsync("/?from=1000&to=2000");
        await Expect(page.Locator(".state").First).ToContainTextAsync("No spans in this time");
    }

    /// <summary>Screenshots stay in artifacts/screenshots, to be looked at.</summary>
    [Theory]
    [MemberData(nameof(Pages))]
    public async Task Every_page_can_be_used_by_all_and_in_all_colours(string name, string address)
    {
        foreach (var colors in new[] { ColorScheme.Light, ColorScheme.Dark })
        {
            foreach (var width in new[] { 1440, 390 })
            {
                var (page, problems) = await ui.OpenAsync(address, colors, width);
                await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
                var file = $"{name}-{colors.ToString().ToLowerInvariant()}-{width}.png";
                await page.ScreenshotAsync(new()
                {
                    Path = Path.Combine(Repository.Root, "artifacts", "screenshots", file),
                    FullPage = true,
                });
                await AssertUsableByAllAsync(page);
                Assert.Empty(problems);
                await page.Context.CloseAsync();
            }
        }
    }

    [Theory]
    [InlineData(ColorScheme.Light)]
    [InlineData(ColorScheme.Dark)]
    public async Task What_opens_on_a_page_can_be_used_by_all_too(ColorScheme colors)
    {
        var (page, _) = await ui.OpenAsync(Shop, colors);
        await page.GetByRole(AriaRole.Button, new() { Name = "Select the slowest" }).ClickAsync();
        await Expect(page.Locator(".common li").First).ToBeVisibleAsync();
        await page.Locator(".range summary").ClickAsync();
        await Expect(page.Locator(".menu")).ToBeVisibleAsync();
        await AssertUsableByAllAsync(page);
        await page.Keyboard.PressAsync("?");
        await Expect(page.GetByRole(AriaRole.Dialog)).ToBeVisibleAsync();
        await AssertUsableByAllAsync(page);
        await page.Keyboard.PressAsync("Escape");
        await page.Keyboard.PressAsync("/");
        var line = page.GetByRole(AriaRole.Combobox, new() { NameRegex = QueryLine() });
        await Expect(line).ToBeFocusedAsync();
        await page.Keyboard.TypeAsync("na");
        await Expect(page.Locator(".suggestions").GetByRole(AriaRole.Option).First).ToBeVisibleAsync();
        await AssertUsableByAllAsync(page);
        await line.FillAsync("nonsense =");
        await line.PressAsync("Enter");
        await Expect(page.GetByRole(AriaRole.Alert)).ToHaveCountAsync(1);
        await AssertUsableByAllAsync(page);
    }

    static async Task AssertUsableByAllAsync(IPage page)
    {
        var result = await page.RunAxe();
        Assert.Empty(result.Violations.Where(each => each.Impact is "serious" or "critical").Select(Describe));
    }

    /// <summary>From pixels off the left top corner to such off the right bottom one.</summary>
    static async Task DrawAsync(IPage page, ILocator on, float x1, float y1, float x2, float y2)
    {
        await on.ScrollIntoViewIfNeededAsync();
        var box = await on.BoundingBoxAsync();
        Assert.NotNull(box);
        await page.Mouse.MoveAsync(box.X + x1, box.Y + y1);
        await page.Mouse.DownAsync();
        await page.Mouse.MoveAsync(box.X + box.Width + x2, box.Y + box.Height + y2);
        await page.Mouse.UpAsync();
    }

    static async Task DropAsync(IPage page, string text)
    {
        await Expect(page.Locator("main")).ToBeVisibleAsync();
        await page.EvaluateAsync("""
            text => {
              const dataTransfer = new DataTransfer()
              dataTransfer.items.add(new File([text], 'trace.json'))
              document.querySelector('main').dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true }))
            }
            """, text);
    }

    static string Describe(AxeResultItem violation) =>
        $"{violation.Id}: {violation.Help}: {string.Join(" | ", violation.Nodes.Take(3).Select(node => node.Html))}";

    [GeneratedRegex("Query")]
    private static partial Regex QueryLine();
}
