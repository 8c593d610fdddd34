using System.Diagnostics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Tracing.Instrumentation;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Tracing in a host.</summary>
public static class TracingServiceCollectionExtensions
{
    /// <summary>
    /// Traces the host: the requests that it serves and makes over HTTP and gRPC, and whatever else makes activities.
    /// Tracing begins before the host's services start, and ends when they have stopped and what they recorded is sent.
    /// <see cref="Tracer"/> can be asked for as a service.
    /// </summary>
    /// <param name="services">Of the host.</param>
    /// <param name="configure">Changes the defaults.</param>
    /// <exception cref="ArgumentException">An option is not as it must be; the message names it and its
    /// value.</exception>
    public static IServiceCollection AddTracing(
        this IServiceCollection services, Action<TracingOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        var options = new TracingOptions();
        configure?.Invoke(options);
        // here, so that a mistake ends the start where it was made
        options.Resolve();
        services.AddSingleton(provider => new Tracer(
            options, provider.GetRequiredService<ILoggerFactory>().CreateLogger<Tracer>()));
        // ASP.NET Core takes its propagator from the services, and an HttpClient the one that there is when it is made
        var propagator = new HeaderPropagator(options.Propagation);
        DistributedContextPropagator.Current = propagator;
        services.AddSingleton<DistributedContextPropagator>(propagator);
        // the first that starts is the last that stops
        services.Insert(0, ServiceDescriptor.Singleton<IHostedService, TracerService>());
        return services;
    }

    sealed class TracerService(Tracer tracer) : IHostedLifecycleService
    {
        public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        /// <summary>When all services have stopped.</summary>
        public Task StoppedAsync(CancellationToken cancellationToken) => tracer.DisposeAsync().AsTask();
    }
}
