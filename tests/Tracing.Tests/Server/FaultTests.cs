using System.Globalization;
using System.Net;
using Tracing.CrashTest;
using Tracing.Model;
using Tracing.Model.Wire;
using Tracing.Storage.DuckDb;
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
        using var disk = SmallDisk.Mount(mebibytes: 16);
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
                Assert.Contains("Spans cannot be written, and are refused: ", await down.Content.ReadAsStringAsync(),
                    StringComparison.Ordinal);
            }
            disk.MakeRoom();
            // without anybody having sent a span
            Assert.Equal(HttpStatusCode.OK, (await server.Client.GetAsync("/health")).StatusCode);
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
    public async Task A_disk_too_full_for_sealing_keeps_the_open_partition_until_there_is_room()
    {
        using var disk = SmallDisk.Mount(mebibytes: 24);
        var log = new Messages();
        var options = new DuckDbStoreOptions { Path = disk.Path, SealSpans = 1000 };
        var stored = new List<TraceId>();
        await using (var store = DuckDbSpanStore.Open(options, TimeProvider.System, log))
        {
            disk.Fill(leaveMebibytes: 8);
            while (!log.Errors.Any(message => message.StartsWith("Sealing ", StringComparison.Ordinal)))
            {
                await StoreAsync(store);
                await store.WhenSealedAsync();
            }
            Assert.Empty(Directory.EnumerateFiles(disk.Path, "*.tmp.*"));
            Assert.Equal(stored.Count, (await store.GetTracesAsync(stored, true, default)).Count);
            disk.MakeRoom();
            // the next partition brings those that failed along
            for (var i = 0; i < 11; i++)
                await StoreAsync(store);
            await store.WhenSealedAsync();
            Assert.Single(store.Partitions, partition => !partition.IsSealed);
            Assert.Equal(stored.Count, (await store.GetTracesAsync(stored, true, default)).Count);
        }
        await using var again = DuckDbSpanStore.Open(options, TimeProvider.System, log);
        Assert.All(await again.GetTracesAsync(stored, true, default), trace => Assert.Equal(SpansPerBody, trace.Count));
        Assert.Equal(stored.Count * SpansPerBody, again.Partitions.Sum(partition => partition.Spans));

        async Task StoreAsync(DuckDbSpanStore store)
        {
            var spans = Spans(stored.Count + 1);
            await store.AppendAsync(Batch(spans), default);
            stored.Add(spans[0].TraceId);
        }
    }

    [Fact]
    public async Task A_folder_that_cannot_be_written_ends_the_start()
    {
        using var disk = SmallDisk.Mount(mebibytes: 16);
        await using (var server = await RunningServer.StartAsync(disk.Path, configure: null))
            Assert.Equal(HttpStatusCode.OK, (await SendAsync(server.Client, 1)).StatusCode);
        disk.MakeReadOnly();
        var failed = await Assert.ThrowsAsync<ServerNotStartedException>(
            () => ServerProcess.StartAsync(ServerAssembly.Path, disk.Path));
        Assert.Equal(1, failed.ExitCode);
        Assert.Contains($"Cannot write to the store's folder {disk.Path}: ", failed.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("another server", failed.Message, StringComparison.Ordinal);
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
        Assert.Contains($"Cannot lock the store's folder {folder.Path}; is another server using it?", failed.Message,
            StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(first.Client, 1)).StatusCode);
        await AssertStoredAsync(first.Client, [1]);
    }

    [Fact]
    public async Task A_file_that_the_system_does_not_read_ends_the_start_and_stays()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "only Linux has a file that fails when it is read");
        using var folder = new TemporaryFolder();
        await using (var server = await ServerProcess.StartAsync(ServerAssembly.Path, folder.Path))
            Assert.Equal(HttpStatusCode.OK, (await SendAsync(server.Client, 1)).StatusCode);
        var unreadable = PartitionFiles.SealedFile(folder.Path, 7);
        // its first bytes are the address 0, where there is no memory
        File.CreateSymbolicLink(unreadable, "/proc/self/mem");
        var failed = await Assert.ThrowsAsync<ServerNotStartedException>(
            () => ServerProcess.StartAsync(ServerAssembly.Path, folder.Path));
        Assert.Equal(1, failed.ExitCode);
        Assert.Contains($"Cannot read {unreadable}: ", failed.Message, StringComparison.Ordinal);
        Assert.Contains("No file has been changed", failed.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFiles(folder.Path, "*.damaged*"));
        File.Delete(unreadable);
        await using var again = await ServerProcess.StartAsync(ServerAssembly.Path, folder.Path);
        await AssertStoredAsync(again.Client, [1]);
    }

    [Fact]
    public async Task Damaged_files_are_named_at_every_start_and_the_others_are_served()
    {
        using var folder = new TemporaryFolder();
        await using (var store = DuckDbSpanStore.Open(
            new() { Path = folder.Path, SealSpans = 1 }, TimeProvider.System))
        {
            for (var number = 1; number <= 4; number++)
            {
                await store.AppendAsync(Batch(Spans(number)), default);
                await store.WhenSealedAsync();
            }
        }
        var (cut, nonsense) = (PartitionFiles.SealedFile(folder.Path, 2), PartitionFiles.OpenFile(folder.Path, 4));
        using (var file = File.OpenWrite(cut))
            file.SetLength(file.Length / 2);
        await File.WriteAllTextAsync(nonsense, new string('x', 100_000));
        for (var start = 1; start <= 2; start++)
        {
            await using var server = await ServerProcess.StartAsync(ServerAssembly.Path, folder.Path);
            var output = string.Join('\n', server.Output);
            Assert.Equal(start == 1, output.Contains($"{cut} is damaged; it is now", StringComparison.Ordinal));
            Assert.Equal(start == 1, output.Contains($"{nonsense} is damaged; it is now", StringComparison.Ordinal));
            Assert.Contains("The spans of these damaged files are not served: " +
                $"{folder.Path}/00000002.damaged, {folder.Path}/00000004.open.damaged.", output,
                StringComparison.Ordinal);
            await AssertStoredAsync(server.Client, [1, 3]);
            var health = await server.Client.GetStringAsync("/health");
            Assert.Contains($"{folder.Path}/00000002.damaged could not be read; its spans are not served.", health,
                StringComparison.Ordinal);
        }
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
        var bytes = new byte[100];
        var random = new Random(number);
        return [.. Enumerable.Range(1, SpansPerBody).Select(id =>
        {
            random.NextBytes(bytes);
            return Otlp((ulong)number, id: (ulong)id).With(Tag("text", Convert.ToHexString(bytes)));
        })];
    }
}
