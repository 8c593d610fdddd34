using Tracing.CrashTest;

if (CrashOptions.Parse(args, out var error) is not { } options)
{
    Console.Error.WriteLine(error);
    Console.Error.WriteLine(CrashOptions.Usage);
    return 2;
}
var report = await new CrashRun(options, TimeProvider.System, Console.WriteLine).RunAsync();
Console.WriteLine(report);
return report.IsGood ? 0 : 1;
