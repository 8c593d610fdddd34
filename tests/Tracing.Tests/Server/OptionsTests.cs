using System.Collections;
using Microsoft.Extensions.Configuration;
using Tracing.Server;
using Xunit;

namespace Tracing.Tests;

public sealed class OptionsTests
{
    [Theory]
    [InlineData("Port", "70000", "Tracing:Port is 70000")]
    [InlineData("Port", "x", "'x' at 'Tracing:Port'")]
    [InlineData("Prot", "1", "Prot")]
    [InlineData("Address", "here", "Tracing:Address is \"here\"")]
    [InlineData("Role", "query", "Tracing:Role is Query")]
    [InlineData("Collector:SampleRate", "1.5", "Tracing:Collector:SampleRate is 1.5")]
    [InlineData("Collector:MaxBodyBytes", "0", "Tracing:Collector:MaxBodyBytes is 0")]
    [InlineData("Query:Timeout", "-1", "Tracing:Query:Timeout is -1.00:00:00")]
#if CASSANDRA
    [InlineData("Storage:Cassandra:Keyspace", "a-b", "Tracing:Storage:Cassandra:Keyspace is \"a-b\"")]
    [InlineData("Storage:Cassandra:Replication", "dc1", "Tracing:Storage:Cassandra:Replication is \"dc1\"")]
    [InlineData("Storage:Cassandra:Consistency", "some", "Tracing:Storage:Cassandra:Consistency is \"some\"")]
#else
    [InlineData("Storage:Kind", "cassandra", "Tracing:Storage:Kind is cassandra")]
#endif
    [InlineData("Storage:Kind", "elasticsearch", "'elasticsearch' at 'Tracing:Storage:Kind'")]
    [InlineData("Storage:Kind", "DuckDB", "Tracing:Storage:Kind is DuckDB; there is no such store any more")]
    [InlineData("Storage:Path", " ", "Tracing:Storage:Path is \" \"")]
    [InlineData("Storage:SealSpans", "0", "Tracing:Storage:SealSpans is 0; there is no such setting any more")]
    [InlineData("Storage:SealAge", "01:00:00", "Tracing:Storage:SealAge is 01:00:00; there is no such setting")]
    [InlineData("Storage:Retention", "-1.00:00:00", "Tracing:Storage:Retention is -1.00:00:00; it must be more than 0")]
    [InlineData("Storage:HotWindow", "-00:00:01", "Tracing:Storage:HotWindow is -00:00:01")]
    [InlineData("Storage:BaselineRate", "1.5", "Tracing:Storage:BaselineRate is 1.5; it must be between 0 and 1")]
    [InlineData("Storage:BaselineRate", "NaN", "Tracing:Storage:BaselineRate is NaN")]
    [InlineData("Storage:MaxBytes", "-5", "Tracing:Storage:MaxBytes is -5; it must be 0 or more")]
    public void A_bad_setting_is_refused_by_key_and_value(string key, string value, string message)
    {
        var error = Assert.Throws<InvalidOptionsException>(() => Read(new() { ["Tracing:" + key] = value }));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Secrets_are_shown_nowhere()
    {
        const string Secret = "s3cr3t";
        var endpoint = $"http://me:{Secret}@127.0.0.1:9/v1/metrics?key={Secret}#{Secret}";
        await using var server = await RunningServer.StartAsync(
            $"--Tracing:MetricsPush:Endpoint={endpoint}", $"--Tracing:Storage:Cassandra:Password={Secret}");
        var system = await server.Client.GetStringAsync("/api/tracing/system");
        Assert.DoesNotContain(Secret, system, StringComparison.Ordinal);
        Assert.Contains("http://***@127.0.0.1:9/v1/metrics?***", system, StringComparison.Ordinal);
        var settings = (await server.GetJsonAsync("/api/tracing/system")).GetProperty("settings").EnumerateArray()
            .ToDictionary(each => each.GetProperty("key").GetString()!, each => each.GetProperty("value").GetString());
        Assert.Equal("***", settings["Tracing:Storage:Cassandra:Password"]);
        Assert.Equal("", settings["Tracing:Storage:Cassandra:Username"]);

        foreach (var bad in new[] { $"ftp://me:{Secret}@host/", $"http://me:{Secret}@ho st/?key={Secret}" })
        {
            var error = Assert.Throws<InvalidOptionsException>(
                () => Read(new() { ["Tracing:MetricsPush:Endpoint"] = bad }));
            Assert.DoesNotContain(Secret, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void All_bad_settings_are_named_at_once()
    {
        var error = Assert.Throws<InvalidOptionsException>(() => Read(new()
        {
            ["Tracing:Port"] = "-5",
            ["Tracing:Query:DefaultLookback"] = "00:00:00",
        }));
        Assert.Equal(2, error.Problems.Count);
    }

    [Fact]
    public void Zipkins_variables_are_honoured()
    {
        var options = Read(ZipkinEnvironment.Read(new Hashtable
        {
            ["QUERY_PORT"] = "9999",
            ["QUERY_TIMEOUT"] = "500ms",
            ["QUERY_LOOKBACK"] = "3600000",
            ["QUERY_ENABLED"] = "false",
            ["SEARCH_ENABLED"] = "false",
            ["STRICT_TRACE_ID"] = "false",
            ["UI_ENABLED"] = "false",
            ["COLLECTOR_SAMPLE_RATE"] = "0.25",
            ["COLLECTOR_HTTP_ENABLED"] = "false",
            ["COLLECTOR_GRPC_ENABLED"] = "false",
            ["AUTOCOMPLETE_KEYS"] = "environment, clnt/finagle.version",
            ["ZIPKIN_QUERY_ALLOWED_ORIGINS"] = "http://foo",
            ["ZIPKIN_QUERY_NAMES_MAX_AGE"] = "60",
            ["STORAGE_TYPE"] = "mem",
        }));
        Assert.Equal(9999, options.Port);
        Assert.Equal(TimeSpan.FromMilliseconds(500), options.Query.Timeout);
        Assert.Equal(TimeSpan.FromHours(1), options.Query.DefaultLookback);
        Assert.False(options.Query.Enabled || options.Query.SearchEnabled || options.Query.StrictTraceId);
        Assert.False(options.UiEnabled || options.Collector.HttpEnabled || options.Collector.GrpcEnabled);
        Assert.Equal(0.25, options.Collector.SampleRate);
        Assert.Equal(["clnt/finagle.version", "environment"], options.Query.AutocompleteKeyList());
        Assert.Equal("http://foo", options.Query.AllowedOrigins);
        Assert.Equal(TimeSpan.FromMinutes(1), options.Query.NamesMaxAge);
        Assert.Equal(StorageKind.Embedded, options.Storage.Kind);
    }

    [Fact]
    public void A_store_of_zipkin_that_is_not_here_is_refused_by_name()
    {
        var settings = ZipkinEnvironment.Read(new Hashtable { ["STORAGE_TYPE"] = "elasticsearch" });
        var error = Assert.Throws<InvalidOptionsException>(() => Read(settings));
        Assert.Contains("elasticsearch", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_setting_is_explained_and_stands_in_the_readme()
    {
        var readme = File.ReadAllText(Path.Combine(Repository.Root, "README.md"));
        Assert.All(Help.Settings(), setting =>
        {
            Assert.NotEmpty(setting.Text);
            var @default = setting.Default.Length > 0 ? $"`{setting.Default}` " : "";
            Assert.Contains($"| `{setting.Key}` | {@default}| {setting.Text} |", readme, StringComparison.Ordinal);
        });
    }

#if CASSANDRA
    [Fact]
    public void Zipkins_variables_of_cassandra_are_honoured()
    {
        var options = Read(ZipkinEnvironment.Read(new Hashtable
        {
            ["STORAGE_TYPE"] = "cassandra3",
            ["CASSANDRA_CONTACT_POINTS"] = "one:9043,two",
            ["CASSANDRA_KEYSPACE"] = "spans",
            ["CASSANDRA_LOCAL_DC"] = "dc1",
            ["CASSANDRA_ENSURE_SCHEMA"] = "false",
            ["CASSANDRA_USERNAME"] = "me",
            ["CASSANDRA_PASSWORD"] = "secret",
            ["CASSANDRA_USE_SSL"] = "true",
            ["CASSANDRA_SSL_HOSTNAME_VALIDATION"] = "false",
        }));
        Assert.Equal(StorageKind.Cassandra, options.Storage.Kind);
        var store = options.Storage.Cassandra.ToStore(options);
        Assert.Equal(["one:9043", "two"], store.ContactPoints);
        Assert.Equal(("spans", "dc1", "me", "secret"),
            (store.Keyspace, store.LocalDatacenter, store.Username, store.Password));
        Assert.Equal((false, true, false), (store.ManageSchema, store.UseSsl, store.ValidateHostname));
    }

    [Theory]
    [InlineData("collector", true, false)]
    [InlineData("query", false, true)]
    [InlineData("all", true, true)]
    public void A_role_is_what_a_process_does(string role, bool collects, bool answers)
    {
        var options = Read(new() { ["Tracing:Role"] = role, ["Tracing:Storage:Kind"] = "cassandra" });
        Assert.Equal((collects, collects), (options.Collector.HttpEnabled, options.Collector.GrpcEnabled));
        Assert.Equal(answers, options.Query.Enabled);
    }
#endif

    static ServerOptions Read(Dictionary<string, string?> settings) =>
        ServerOptions.Read(new ConfigurationBuilder().AddInMemoryCollection(settings).Build());
}
