using Tracing.Server;

if (args.Contains("--help") || args.Contains("-h"))
{
    Console.Out.Write(Help.Text());
    return 0;
}
#if CASSANDRA
if (args.Contains("--cassandra-schema"))
{
    Console.Out.Write(Tracing.Storage.Cassandra.CassandraSpanStore.SchemaCql);
    return 0;
}
#endif
try
{
    await using var app = TracingServer.Build(args);
    StopDeadline.Watch(app, Console.Error.WriteLine);
    await app.RunAsync();
    return 0;
}
catch (Exception e) when (e is InvalidOptionsException or Tracing.Storage.StoreUnusableException)
{
    await Console.Error.WriteLineAsync($"The server cannot start.{Environment.NewLine}{e.Message}");
    return 1;
}
