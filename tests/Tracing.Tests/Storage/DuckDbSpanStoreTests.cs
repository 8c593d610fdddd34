using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using DuckDB.NET.Data;
using Tracing.Storage;
using Tracing.Storage.DuckDb;
using Xunit;
using static Tracing.Tests.SomeSpans;

namespace Tracing.Tests;

public sealed class DuckDbSpanStoreTests : SpanStoreContract
{
    const string FolderVariable = "TRACING_TEST_FOLDER";
    const string PortVariable = "TRACING_TEST_PORT";

    readonly string _folder = Directory.CreateTempSubdirectory("tracing-").FullName;

    public override ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private protected override ValueTask<ISpanStore> OpenAsync(StoreSetup setup)
    {
        var options = new DuckDbStoreOptions
        {
            Path = _folder,
            AutocompleteKeys = setup.AutocompleteKeys,
            MaxQueuedSpans = setup.MaxQueuedSpans,
        };
        return ValueTask.FromResult<ISpanStore>(DuckDbSpanStore.Open(options, Clock));
    }

    [Fact]
    public async Task In_memory_nothing_is_kept()
    {
        var options = new DuckDbStoreOptions { Path = DuckDbStoreOptions.InMemory };
        await using (var store = DuckDbSpanStore.Open(options, Clock))
        await using (var other = DuckDbSpanStore.Open(options, Clock))
        {
            await StoreAsync(store, Zipkin(1));
            Assert.Single(await store.FindTracesAsync(AnyOfToday, Cancellation));
            Assert.Empty(await other.FindTracesAsync(AnyOfToday, Cancellation));
        }
        await using var again = DuckDbSpanStore.Open(options, Clock);
        Assert.Empty(await again.FindTracesAsync(AnyOfToday, Cancellation));
    }

    [Fact]
    public async Task A_newer_format_is_refused()
    {
        var store = await OpenAsync();
        await store.DisposeAsync();
        var file = Path.Combine(_folder, "spans.duckdb");
        Execute(file, "UPDATE meta SET value = '99' WHERE key = 'format_version'");
        var exception = await Assert.ThrowsAsync<InvalidDataException>(() => OpenAsync());
        Assert.Equal($"{file} has format version 99, but this server supports up to 1. Start the newer server that " +
            "wrote it, or choose another folder.", exception.Message);
    }

    [Fact]
    public async Task A_folder_in_use_is_refused()
    {
        await OpenAsync();
        var exception = await Assert.ThrowsAsync<IOException>(() => OpenAsync());
        Assert.StartsWith($"Cannot lock the store's folder {_folder}; is another server using it?", exception.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_cannot_be_made_is_refused()
    {
        var path = Path.Combine(_folder, "file");
        await File.WriteAllTextAsync(path, "", Cancellation);
        var exception = Assert.Throws<IOException>(() => DuckDbSpanStore.Open(new() { Path = path }, Clock));
        Assert.StartsWith($"Cannot make the store's folder {path}: ", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_is_no_database_is_refused()
    {
        var file = Path.Combine(_folder, "spans.duckdb");
        await File.WriteAllTextAsync(file, new string('x', 20_000), Cancellation);
        var exception = await Assert.ThrowsAsync<IOException>(() => OpenAsync());
        Assert.StartsWith($"Cannot open {file}: ", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_out_of_range_are_refused()
    {
        var exception = Assert.Throws<ArgumentException>(
            () => DuckDbSpanStore.Open(new() { Path = _folder, MaxQueuedSpans = 0 }, Clock));
        Assert.Equal("MaxQueuedSpans must be at least 1, but it is 0.", exception.Message);
    }

    [Fact]
    public async Task Old_bodies_are_pruned()
    {
        var store = await OpenAsync();
        await store.AppendAsync(Batch(1, Zipkin(1)), Cancellation);
        Clock.Advance(TimeSpan.FromMinutes(11));
        await store.AppendAsync(Batch(2, Zipkin(2)), Cancellation);
        await store.DisposeAsync();
        Assert.Equal(1L, Execute(Path.Combine(_folder, "spans.duckdb"), "SELECT count(*) FROM bodies"));
    }

    [Fact]
    public async Task What_was_acknowledged_survives_a_kill()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var child = StartChild(((IPEndPoint)listener.LocalEndpoint).Port);
        using var client = await listener.AcceptTcpClientAsync(Cancellation);
        using var lines = new StreamReader(client.GetStream());
        var acknowledged = new HashSet<ulong>();
        while (acknowledged.Count < 200)
            acknowledged.Add(ulong.Parse((await lines.ReadLineAsync(Cancellation))!, CultureInfo.InvariantCulture));
        child.Kill();
        await child.WaitForExitAsync(Cancellation);
        // what was sent before the kill still arrives; the last line may be cut
        var rest = await ReadToEndAsync(lines);
        acknowledged.UnionWith(rest[..(rest.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => ulong.Parse(line, CultureInfo.InvariantCulture)));

        var store = await OpenAsync();
        var found = await store.FindTracesAsync(AnyOfToday with { Limit = int.MaxValue }, Cancellation);
        Assert.All(found, trace => Assert.Equal(50, trace.Count));
        Assert.Subset(found.Select(trace => trace[0].TraceId.Low).ToHashSet(), acknowledged);
    }

    /// <summary>Not a test: what the child process of the one above does until it is killed.</summary>
    [Fact(Explicit = true)]
    public async Task Child_stores_until_killed()
    {
        var port = int.Parse(Environment.GetEnvironmentVariable(PortVariable)!, CultureInfo.InvariantCulture);
        var folder = Environment.GetEnvironmentVariable(FolderVariable)!;
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port, Cancellation);
        await using var lines = new StreamWriter(client.GetStream()) { AutoFlush = true };
        await using var store = DuckDbSpanStore.Open(new() { Path = folder }, TimeProvider.System);
        var id = 0ul;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            while (true)
            {
                var trace = Interlocked.Increment(ref id);
                await StoreAsync(store, [.. Enumerable.Range(1, 50).Select(n => Zipkin(trace, id: (ulong)n))]);
                lock (lines)
                    lines.WriteLine(trace);
            }
        })));
    }

    Process StartChild(int port)
    {
        var name = $"{typeof(DuckDbSpanStoreTests).FullName}.{nameof(Child_stores_until_killed)}";
        var start = new ProcessStartInfo("dotnet",
            [typeof(DuckDbSpanStoreTests).Assembly.Location, "--filter-method", name, "--explicit", "only"])
        {
            RedirectStandardOutput = true,
            Environment =
            {
                [FolderVariable] = _folder,
                [PortVariable] = port.ToString(CultureInfo.InvariantCulture),
            },
        };
        return Process.Start(start)!;
    }

    static async Task<string> ReadToEndAsync(StreamReader reader)
    {
        try
        {
            return await reader.ReadToEndAsync(Cancellation);
        }
        catch (IOException)
        {
            // a killed process may reset its connections
            return "";
        }
    }

    static object? Execute(string file, string sql)
    {
        using var connection = new DuckDBConnection($"DataSource={file}");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }
}
