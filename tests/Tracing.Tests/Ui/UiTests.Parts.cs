using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Tracing.Tests;

/// <summary>What all pages share: colours, tables, headings, the range, and how they do without the server.</summary>
public sealed partial class UiTests
{
    [Fact]
    public async Task A_service_has_its_colour_on_every_page_in_both_themes_and_in_every_session()
    {
        var colors = new Dictionary<string, HashSet<string>> { ["shop"] = [], ["stock"] = [] };
        foreach (var (address, scheme, selector) in new[]
        {
            ("/?last=1h", ColorScheme.Light, "th .service:has-text('{0}') .dot"),
            ("/dependencies?last=1h", ColorScheme.Dark, ".node:has-text('{0}') .stripe"),
            ($"/traces/{1:x32}", ColorScheme.Light, ".row:has(b:text-is('{0}')) .stripe"),
            ("/system", ColorScheme.Dark, "th .service:has-text('{0}') .dot"),
        })
        {
            // each in a browser that has seen nothing before
            var (page, _) = await ui.OpenAsync(address, scheme);
            await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
            foreach (var (service, seen) in colors)
            {
                var sign = page.Locator(string.Format(CultureInfo.InvariantCulture, selector, service)).First;
                await Expect(sign).ToBeVisibleAsync();
                seen.Add(await sign.EvaluateAsync<string>(
                    "sign => sign.tagName === 'rect' ? sign.style.fill : sign.style.backgroundColor"));
            }
            await page.Context.CloseAsync();
        }
        Assert.Single(colors["shop"]);
        Assert.Single(colors["stock"]);
        Assert.NotEqual(colors["shop"], colors["stock"]);
    }

    [Theory]
    [InlineData("/?last=1h")]
    [InlineData(Shop)]
    [InlineData("/dependencies?last=1h&view=table")]
    [InlineData("/system")]
    [InlineData("/traces/00000000000000000000000000000001?tab=statistics")]
    [InlineData("/compare?a=00000000000000000000000000000001&b=00000000000000000000000000000004")]
    public async Task Every_table_is_ordered_by_any_column_by_keyboard(string address)
    {
        var (page, problems) = await ui.OpenAsync(address);
        await Expect(page.Locator("thead button").First).ToBeVisibleAsync();
        // what is compared there has no order by name
        var isCompared = address.StartsWith("/compare", StringComparison.Ordinal);
        if (!isCompared)
            await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
        // but for pictures
        await Expect(page.Locator("thead th:not(.bars):not(:has(button))")).ToHaveCountAsync(0);
        var table = page.Locator("table:has(thead)").First;
        var column = table.Locator("thead th").First;
        foreach (var (key, order) in new[] { ("Enter", "ascending"), (" ", "descending") })
        {
            await column.Locator("button").FocusAsync();
            await page.Keyboard.PressAsync(key);
            await Expect(column).ToHaveAttributeAsync("aria-sort", order);
            var names = await table.Locator("tbody th").AllInnerTextsAsync();
            var sorted = names.OrderBy(name => name, StringComparer.InvariantCultureIgnoreCase).ToList();
            if (order == "descending")
                sorted.Reverse();
            if (!isCompared)
                Assert.Equal(sorted, names);
        }
        await Expect(table.Locator("[aria-sort=ascending], [aria-sort=descending]")).ToHaveCountAsync(1);
        Assert.Empty(problems);
    }

    [Fact]
    public async Task The_range_menu_closes_beside_it_and_by_escape_and_refuses_what_is_no_range()
    {
        var (page, _) = await ui.OpenAsync($"/traces/{1:x32}?span={3:x16}");
        var (summary, menu) = (page.Locator(".range summary"), page.Locator(".menu"));
        await Expect(page.Locator(".details")).ToBeVisibleAsync();
        await summary.ClickAsync();
        await Expect(menu).ToBeVisibleAsync();
        await page.Locator("h1").ClickAsync();
        await Expect(menu).ToHaveCountAsync(0);

        await summary.ClickAsync();
        await page.Locator("input[name=to]").FocusAsync();
        await page.Keyboard.PressAsync("Escape");
        await Expect(menu).ToHaveCountAsync(0);
        await Expect(summary).ToBeFocusedAsync();
        await Expect(page.Locator(".details")).ToBeVisibleAsync();

        await summary.ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "UTC" }).ClickAsync();
        await page.Locator("input[name=from]").FillAsync("2026-03-04T05:06:07");
        await page.Locator("input[name=to]").FillAsync("2026-03-04T05:06:06");
        await page.GetByRole(AriaRole.Button, new() { Name = "Show", Exact = true }).ClickAsync();
        await Expect(menu.GetByRole(AriaRole.Alert)).ToContainTextAsync("ends before it begins");
        await AssertUsableByAllAsync(page);
        await page.Locator("input[name=to]").FillAsync("2026-03-04T05:06:09");
        await page.GetByRole(AriaRole.Button, new() { Name = "Show", Exact = true }).ClickAsync();
        await Expect(page).ToHaveURLAsync(new Regex("from=1772600767&to=1772600769"));
        await Expect(summary).ToHaveTextAsync("4 Mar 05:06:07 – 05:06:09 UTC");
    }

    [Theory]
    [InlineData(390)]
    [InlineData(1024)]
    public async Task Nothing_is_cut_off_at_the_edges_of_narrow_screens(int width)
    {
        foreach (var address in new[] { Shop, "/search?last=1h", $"/traces/{1:x32}", $"/traces/{477:x32}" })
        {
            var (page, _) = await ui.OpenAsync(address, width: width);
            await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
            Assert.Equal(width, await page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
            Assert.Empty(await page.EvaluateAsync<string[]>("""
                () => [...document.querySelectorAll('svg text, .ticks span, .track .length')]
                  .filter(text => {
                    const own = text.getBoundingClientRect()
                    const around = text.closest('svg, .ticks, .track').getBoundingClientRect()
                    return own.left < around.left - 1 || own.right > around.right + 1
                  })
                  .map(text => text.textContent)
                """));
            await page.Locator(".range summary").ClickAsync();
            var menu = await page.Locator(".menu").BoundingBoxAsync();
            Assert.NotNull(menu);
            Assert.InRange(menu.X, 0, width);
            Assert.InRange(menu.X + menu.Width, 0, width);
            await page.Context.CloseAsync();
        }
    }

    [Fact]
    public async Task Every_page_names_its_tab_and_has_one_heading()
    {
        var (page, _) = await ui.OpenAsync("/");
        var titles = new HashSet<string>();
        string[] addresses =
        [
            "/", "/search", "/search?q=%7B%20status%20%3D%20error%20%7D", "/dependencies", "/system", "/view", Shop,
            $"/compare?a={1:x32}", $"/traces/{1:x32}", "/traces/1234567890abcdef", "/nope",
        ];
        foreach (var address in addresses)
        {
            await page.GotoAsync(address);
            await Expect(page).ToHaveTitleAsync(new Regex(". · Tracing$"));
            await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
            await Expect(page.Locator("h1")).ToHaveCountAsync(1);
            titles.Add(await page.TitleAsync());
        }
        Assert.Equal(addresses.Length, titles.Count);
    }

    [Fact]
    public async Task An_address_without_a_page_is_answered_with_404_and_leads_home()
    {
        var (page, _) = await ui.OpenAsync("/view");
        var answer = await page.GotoAsync("/nope");
        Assert.Equal(404, answer?.Status);
        await Expect(page.GetByRole(AriaRole.Heading)).ToHaveTextAsync("There is no page at this address");
        await AssertUsableByAllAsync(page);
        await page.Locator("main").GetByRole(AriaRole.Link, new() { Name = "Health" }).ClickAsync();
        await Expect(page).ToHaveURLAsync(new Regex("/$"));
        await Expect(page.Locator(".totals")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Live_what_was_known_stays_and_is_marked_while_the_server_is_away()
    {
        var (page, _) = await ui.OpenAsync("/?last=1h&live=1");
        await page.Clock.InstallAsync();
        await page.ReloadAsync();
        var rows = page.Locator("[data-row]:has-text('stock')");
        await Expect(rows.First).ToBeVisibleAsync();
        await page.RouteAsync("**/api/**", route => route.AbortAsync());
        // past the next look and all that is tried again
        for (var i = 0; i < 3; i++)
        {
            await page.Clock.RunForAsync(11_000);
            await Expect(page.Locator(".away")).ToContainTextAsync("not answering");
        }
        await Expect(rows.First).ToBeVisibleAsync();
        await Expect(page.Locator(".totals")).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Alert)).ToHaveCountAsync(0);
        await Expect(page.Locator(".live.waiting")).ToBeVisibleAsync();
        await Expect(page.Locator("html")).ToHaveClassAsync("stale");
        await AssertUsableByAllAsync(page);

        await page.UnrouteAllAsync();
        var answered = page.WaitForResponseAsync(new Regex("/api/tracing/services"));
        await page.Clock.RunForAsync(6_000);
        await Expect(page.Locator(".away")).ToHaveCountAsync(0);
        Assert.True((await answered).Ok);
        await Expect(page.Locator("html")).Not.ToHaveClassAsync("stale");
        await Expect(rows.First).ToBeVisibleAsync();
    }

    [Fact]
    public async Task A_page_that_the_server_could_not_fill_is_filled_when_it_is_there_again()
    {
        var (page, _) = await ui.OpenAsync("/view");
        await page.Clock.InstallAsync();
        await page.RouteAsync("**/api/**", route => route.AbortAsync());
        await page.GotoAsync($"/traces/{1:x32}");
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("does not answer");
        await page.UnrouteAllAsync();
        await page.Clock.RunForAsync(6_000);
        await Expect(page.Locator(".row")).ToHaveCountAsync(4);
    }

    [Fact]
    public async Task A_failed_request_counts_once_however_many_of_its_spans_failed()
    {
        var (page, _) = await ui.OpenAsync(Shop);
        var panel = page.Locator(".panel", new() { HasText = "Errors by kind" });
        await Expect(panel.Locator(".note").First)
            .ToHaveTextAsync($"{ShopTraffic.FailedRequests} failed requests, each counted once");
        await Expect(panel.Locator("li")).ToHaveCountAsync(1);
        await Expect(panel.Locator("li")).ToContainTextAsync("lock timeout");
        await Expect(panel.Locator("li")).ToContainTextAsync("100.0 %");
        await panel.Locator("li a").ClickAsync();
        await Expect(page.Locator(".traces a")).ToHaveCountAsync(ShopTraffic.FailedRequests);
    }

    [Fact]
    public async Task Bars_of_traces_to_compare_have_one_scale()
    {
        // the slowest are some forty times as long as this one, and the newest are slow and fast in turn
        var (page, _) = await ui.OpenAsync($"/compare?a={1:x32}&last=1h");
        await Expect(page.Locator(".choose li").First).ToBeVisibleAsync();
        var widths = await page.Locator(".choose .bar > span").EvaluateAllAsync<double[]>(
            "bars => bars.map(bar => Number.parseFloat(bar.style.width))");
        Assert.Equal(100, widths.Max());
        Assert.InRange(widths.Min(), 0.5, 10);
    }

    [Fact]
    public async Task Without_spans_the_ports_are_named_that_are_open()
    {
        var (page, _) = await ui.OpenAsync("/?from=1000&to=2000");
        var text = page.Locator(".state").First;
        await Expect(text).ToContainTextAsync($"http://127.0.0.1:{ui.Addresses[1].Port} (http/protobuf)");
        await Expect(text).ToContainTextAsync($"http://127.0.0.1:{ui.Addresses[2].Port} (grpc)");
        await Expect(text).ToContainTextAsync($"http://127.0.0.1:{ui.Addresses[0].Port}/api/v2/spans");
    }
}
