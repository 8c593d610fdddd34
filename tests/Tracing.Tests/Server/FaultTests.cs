using System.Globalization;
using System.Net;
using Tracing.CrashTest;
using Tracing.Model;
using Tracing.Model.Wire;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

/// <summary>
/// What goes wrong beside the server: disks, folders, files. Each time it says what and where, and what was
/// acknowledged stays.
/// </summary>
public sealed class FaultTests
{
    const int SpansPerBody = 100;

    [Fact]
    public async Task A_full_disk_refuses_spans_until_there_is_room_and_loses_none()
    {
        // RocksDB takes room ahead of what it writes
        using var disk = SmallDisk.Mount(mebibytes: 256);
        var acknowledged = new List<int>();
        await using (var server = await RunningServer.StartAsync(disk.Path, configure: null))
        {
            disk.Fill(leaveMebibytes: 2);
            var number = 0;
            var answer = await SendAsync(server.Client, ++number);
            for (; answer.IsSuccessStatusCode; answer = await SendAsync(server.Client, ++number))
                acknowledged.Add(number);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            Assert.NotNull(answer.Headers.RetryAfter);
            await AssertStoredAsync(server.Client, acknowledged);
            // it does not get worse by trying
            Assert.Equal(HttpStatusCode.ServiceUnavailable, (await SendAsync(server.Client, number)).StatusCode);
            for (var i = 0; i < 2; i++)
            {
                var down = await server.Client.GetAsync("/health");
                Assert.Equal(HttpStatusCode.ServiceUnavailable, down.StatusCode);
                Assert.Contains("No space left on device", await down.Content.ReadAsStringAsync(),
                    StringComparison.Ordinal);
            }
            disk.MakeRoom();
            // without anybody having sent a span; RocksDB looks every 5 s whether there is room
            var began = TimeProvider.System.GetTimestamp();
            while ((await server.Client.GetAsync("/health")).StatusCode != HttpStatusCode.OK)
                Assert.True(TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromMinutes(1));
            for (var end = number + 3; number < end; number++)
            {
                Assert.Equal(HttpStatusCode.OK, (await SendAsync(server.Client, number)).StatusCode);
                acknowledged.Add(number);
            }
            await AssertStoredAsync(server.Client, acknowledged);
        }
        await using var again = await RunningServer.StartAsync(disk.Path, configure: null);
        await AssertStoredAsync(again.Client, acknowledged);
    }

    [Fact]
    public async Task A_folder_that_cannot_be_written_ends_the_start()
    {
        using var disk = SmallDisk.Mount(mebibytes: 256);
        await using (var server = await RunningServer.StartAsync(disk.Path, configure: null))
            Assert.Equal(HttpStatusCode.OK, (await SendAsync(server.Client, 1)).StatusCode);
        disk.MakeReadOnly();
        var failed = await Assert.ThrowsAsync<ServerNotStartedException>(
            () => ServerProcess.StartAsync(ServerAssembly.Path, disk.Path));
        Assert.Equal(1, failed.ExitCode);
        Assert.Contains($"The store in {disk.Path} cannot be opened: ", failed.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("another process", failed.Message, StringComparison.Ordinal);
        disk.MakeWritable();
        await using var again = await RunningServer.StartAsync(disk.Path, configure: null);
        await AssertStoredAsync(again.Client, [1]);
    }

    [Fact]
    public async Task A_folder_in_use_ends_the_start_of_the_second_server_only()
    {
        using var folder = new TemporaryFolder();
        await using var first = await ServerProcess.StartAsync(ServerAssembly.Path, folder.Path);
        var failed = await Assert.ThrowsAsync<ServerNotStartedException>(
            () => ServerProcess.StartAsync(ServerAssembly.Path, folder.Path));
        Assert.Equal(1, failed.ExitCode);
        Assert.Contains($"The folder {folder.Path} is used by another process", failed.Message,
            StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(first.Client, 1)).StatusCode);
        await AssertStoredAsync(first.Client, [1]);
    }

    static async Task<HttpResponseMessage> SendAsync(HttpClient client, int number)
    {
        using var body = new ByteArrayContent(OtlpProtobuf.Encode(Spans(number)));
        body.Headers.ContentType = new("application/x-protobuf");
        return await client.PostAsync("/v1/traces", body);
    }

    static async Task AssertStoredAsync(HttpClient client, IEnumerable<int> bodies)
    {
        foreach (var number in bodies)
        {
            var trace = number.ToString("x32", CultureInfo.InvariantCulture);
            var answer = await client.GetStringAsync($"/api/tracing/traces/{trace}");
            Assert.Equal(SpansPerBody, answer.Split("\"spanId\"").Length - 1);
        }
    }

    /// <summary>A trace with texts that do not compress.</summary>
    static Span[] Spans(int number)
    {
        var bytes = new byte[5000];
        var random = new Random(number);
        return [.. Enumerable.Range(1, SpansPerBody).Select(id =>
        {
            random.NextBytes(bytes);
            return Otlp((ulong)number, id: (ulong)id).With(Tag("text", Convert.ToHexString(bytes)));
        })];
    }
}
