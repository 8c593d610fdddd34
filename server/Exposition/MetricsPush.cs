using System.ComponentModel;
using System.Net.Http.Headers;
using Google.Protobuf;

namespace Tracing.Server;

/// <summary>Where metrics are pushed to, section <c>Tracing:MetricsPush</c>.</summary>
public sealed class MetricsPushOptions
{
    [Description("Where what /metrics shows is sent to as OTLP protobuf, such as http://collector:4318/v1/metrics. " +
        "Empty for nowhere.")]
    public string Endpoint { get; set; } = "";

    [Description("Time from one push to the next, and the most that one may take. " +
        "Time span, 00:00:00.1 to 1.00:00:00.")]
    public TimeSpan Interval { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Sentences that each name a key, its value and what it must be.</summary>
    internal IEnumerable<string> Validate()
    {
        if (Endpoint.Length > 0 &&
            !(Uri.TryCreate(Endpoint, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"))
        {
            yield return $"Endpoint is \"{Secrets.HideInAddress(Endpoint)}\"; " +
                "it must be empty or an address with http:// or https://";
        }
        if (Interval < TimeSpan.FromMilliseconds(100) || Interval > TimeSpan.FromDays(1))
            yield return $"Interval is {Interval}; it must be between 00:00:00.1 and 1.00:00:00";
    }
}

/// <summary>
/// Sends the families of /metrics by OTLP over HTTP, time and again. Counts are from the beginning, so that a push that
/// fails loses nothing: it is not tried again.
/// </summary>
sealed class MetricsPush(
    MetricsPushOptions options, ExposedFamilies exposed, TimeProvider time, ILogger<MetricsPush> log)
    : BackgroundService
{
    readonly Uri _endpoint = new(options.Endpoint);
    readonly TimeSpan _interval = options.Interval;
    readonly HttpClient _client = new() { Timeout = options.Interval };

    public override void Dispose()
    {
        base.Dispose();
        _client.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(_interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await PushAsync(stoppingToken);
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException &&
                !stoppingToken.IsCancellationRequested)
            {
                log.PushFailed(Secrets.HideInAddress(options.Endpoint), e);
            }
        }
    }

    async Task PushAsync(CancellationToken cancellationToken)
    {
        var families = await exposed.GetAsync(cancellationToken);
        foreach (var request in OtlpExposition.Requests(families, time.GetUtcNow()))
        {
            using var content = new ByteArrayContent(request.ToByteArray());
            content.Headers.ContentType = new MediaTypeHeaderValue("application/x-protobuf");
            using var answer = await _client.PostAsync(_endpoint, content, cancellationToken);
            answer.EnsureSuccessStatusCode();
        }
    }
}
