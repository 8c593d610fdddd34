using Tracing.Server;

if (args.Contains("--help") || args.Contains("-h"))
{
    Console.Out.Write(Help.Text());
    return 0;
}
try
{
    await using var app = TracingServer.Build(args);
    await app.RunAsync();
    return 0;
}
catch (Exception e) when (e is InvalidOptionsException or Tracing.Storage.StoreUnusableException)
{
    await Console.Error.WriteLineAsync($"The server cannot start.{Environment.NewLine}{e.Message}");
    return 1;
}
