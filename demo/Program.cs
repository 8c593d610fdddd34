using Tracing.Demo;

// a shop in processes of its own; this same program is all of them
if (args.Contains("--help") || args.Contains("-h"))
{
    Console.Out.WriteLine("""
        Starts a shop whose services are traced, with shoppers, and a tracing server if none runs.

          --server=http://127.0.0.1:9411   where the tracing server is, or is started
          --port=9480                      of the page with the faults; the services have those that follow
          --rate=5                         shoppers a second
          --fault=slow-host,...            faults that are on from the start; --faults lists them
        """);
    return 0;
}
if (args.Contains("--faults"))
{
    foreach (var (name, text) in Faults.Known)
        Console.Out.WriteLine($"  {name,-16} {text}");
    return 0;
}
var settings = DemoSettings.Read(new ConfigurationBuilder().AddCommandLine(args).Build());
if (settings.Service.Length > 0)
    await ShopService.RunAsync(settings);
else
    await Launcher.RunAsync(settings);
return 0;
