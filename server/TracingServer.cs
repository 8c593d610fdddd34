using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration.Memory;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Tracing.Collector;
using Tracing.Query;
using Tracing.Storage;
using Tracing.Storage.Engine;
using Tracing.Storage.RocksDb;

namespace Tracing.Server;

/// <summary>Puts the parts together: settings, store, intake, read APIs, ports.</summary>
public static class TracingServer
{
    /// <summary>The framework tells of every request unless it is asked not to.</summary>
    static readonly Dictionary<string, string?> QuietFramework = new()
    {
        ["Logging:LogLevel:Microsoft.AspNetCore"] = "Warning",
        ["Logging:LogLevel:Grpc"] = "Warning",
    };

    /// <param name="args">Command line: --Tracing:Key=value.</param>
    /// <param name="configure">More settings or services; tests use it.</param>
    /// <exception cref="InvalidOptionsException">A setting is wrong.</exception>
    /// <exception cref="StoreUnusableException">The store cannot be opened.</exception>
    public static WebApplication Build(string[] args, Action<WebApplicationBuilder>? configure = null)
    {
        var builder = WebApplication.CreateSlimBuilder(args);
        // first, so that everything said in our own words wins
        builder.Configuration.Sources.Insert(0, new MemoryConfigurationSource
        {
            InitialData = ZipkinEnvironment.Read(Environment.GetEnvironmentVariables()).Concat(QuietFramework),
        });
        configure?.Invoke(builder);
        var options = ServerOptions.Read(builder.Configuration);
        AddServices(builder, options);

        var app = builder.Build();
        // opened before the first port, so that a store that cannot be used ends the start with its own message
        app.Services.GetRequiredService<ISpanStore>();
        MapRoutes(app, options);
        return app;
    }

    static void AddServices(WebApplicationBuilder builder, ServerOptions options)
    {
        var services = builder.Services;
        builder.Logging.AddSimpleConsole(console => console.SingleLine = true);
        var ports = new OpenPorts(options);
        services.AddSingleton(ports);
        builder.WebHost.ConfigureKestrel(kestrel => Listen(kestrel, options, ports));
        services.Configure<HostOptions>(host => host.ShutdownTimeout =
            options.StopTimeout * StopDeadline.RequestShare);
        // the framework's own tracing is nothing that a client could ask for
        services.AddProblemDetails(problems => problems.CustomizeProblemDetails =
            context => context.ProblemDetails.Extensions.Remove("traceId"));
        services.AddSingleton(options);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<RequestMetrics>();
#if CASSANDRA
        if (options.Storage.Kind == StorageKind.Cassandra)
        {
            services.TryAddSingleton<ISpanStore>(provider => Storage.Cassandra.AwaitedSpanStore.OpenAsync(
                options.Storage.Cassandra.ToStore(options),
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<BlockSpanStore>>())
                .GetAwaiter().GetResult());
        }
#endif
        services.TryAddSingleton<ISpanStore>(provider => RocksDbSpanStore.Open(
            options.Storage.ToEmbedded(options.Query.AutocompleteKeyList()),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<BlockSpanStore>>()));
        EndCallsInTime(services);
        services.AddCollector(options.Collector, options.Sampling);
        services.AddQuery(options.Query);
        services.AddSingleton(provider => new ExposedSeries(
            provider.GetRequiredService<ISpanStore>(), options.MaxExposedSeries, options.Query.Timeout,
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<ExposedFamilies>();
        services.AddSingleton<MetricsEndpoint>();
        if (options.MetricsPush.Endpoint.Length > 0)
        {
            services.AddSingleton(options.MetricsPush);
            services.AddHostedService<MetricsPush>();
        }
        services.AddHostedService<StartMessage>();
    }

    /// <summary>Puts <see cref="PromptSpanStore"/> before the store that is registered.</summary>
    static void EndCallsInTime(IServiceCollection services)
    {
        var store = services.Last(service => service.ServiceType == typeof(ISpanStore));
        services.Remove(store);
        services.AddSingleton<ISpanStore>(provider => new PromptSpanStore(
            (ISpanStore)(store.ImplementationInstance ?? store.ImplementationFactory!(provider))));
    }

    static void Listen(KestrelServerOptions kestrel, ServerOptions options, OpenPorts ports)
    {
        kestrel.AddServerHeader = false;
        // the intake bounds bodies itself, so that the answer can be in the sender's own format
        kestrel.Limits.MaxRequestBodySize = null;
        // queries of TraceQL stand in the address; the framework's 8 KiB end at some hundred conditions
        kestrel.Limits.MaxRequestLineSize = 128 * 1024;
        // an answer is in memory until it is read; the framework's 240 bytes a second are days for a large one
        kestrel.Limits.MinResponseDataRate = new MinDataRate(4096, TimeSpan.FromSeconds(10));
        Listen(kestrel, ports, options.Address, options.Port, HttpProtocols.Http1, Door.Main);
        if (options.OtlpHttpPort >= 0)
            Listen(kestrel, ports, options.Address, options.OtlpHttpPort, HttpProtocols.Http1, Door.OtlpHttp);
        if (options.GrpcPort >= 0)
            Listen(kestrel, ports, options.Address, options.GrpcPort, HttpProtocols.Http2, Door.Grpc);
        if (options.Sampling.Port >= 0)
            Listen(kestrel, ports, options.Address, options.Sampling.Port, HttpProtocols.Http1, Door.Sampling);
    }

    static void Listen(KestrelServerOptions kestrel, OpenPorts ports, string address, int port,
        HttpProtocols protocols, Door door)
    {
        var maxConnections = Doors.ConnectionsOf(Enum.GetValues<Door>().Length, Doors.FileHandles());

        void Configure(ListenOptions listen)
        {
            ports.Add(door, listen);
            listen.Protocols = protocols;
            Doors.Mark(listen, door, maxConnections);
        }

        // Kestrel finds a free port only for one address at a time
        if (address == "*" && port != 0)
            kestrel.ListenAnyIP(port, Configure);
        else
            kestrel.Listen(address == "*" ? IPAddress.Any : IPAddress.Parse(address), port, Configure);
    }

    static void MapRoutes(WebApplication app, ServerOptions options)
    {
        app.UseExceptionHandler();
        var metrics = app.Services.GetRequiredService<RequestMetrics>();
        app.Use(metrics.MeasureAsync);
        app.Use(Doors.KeepToItsPort);
        if (options.Query.Enabled && options.UiEnabled)
            app.Use(Pages.ShowThatThereIsNoneAsync);
        app.UseMiddleware<Cors>(options.Query.AllowedOrigins);
        app.Use(FollowZipkinsPaths);
        app.UseRouting();
        app.Use(Doors.KeepToItsCase);
        app.MapServer(options);
        app.MapCollector(options.Collector);
        app.MapQuery(options.Query);
    }

    /// <summary>What Zipkin does with paths and ASP.NET Core's routing would do otherwise.</summary>
    static Task FollowZipkinsPaths(HttpContext context, RequestDelegate next)
    {
        var path = context.Request.Path.Value ?? "";
        if (HttpMethods.IsTrace(context.Request.Method))
            context.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
        else if (path == "/zipkin")
            context.Response.Redirect("/zipkin/" + context.Request.QueryString);
        else if (path.Length > 1 && path.EndsWith('/') && path != "/zipkin/")
            context.Response.StatusCode = StatusCodes.Status404NotFound;
        else
            return next(context);
        return Task.CompletedTask;
    }
}
