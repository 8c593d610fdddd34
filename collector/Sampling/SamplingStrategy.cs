using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Tracing.Model.Wire.Proto.Sampling;

namespace Tracing.Collector;

/// <summary>How clients of a service decide which traces to record.</summary>
/// <param name="Probability">The share, of operations without one of their own; 0 to 1.</param>
sealed record SamplingStrategy(double Probability)
{
    /// <summary>A bound for all operations of a process instead of a share; null for none.</summary>
    public int? MaxTracesPerSecond { get; init; }

    /// <summary>Recorded of each operation of a process at least.</summary>
    public double MinTracesPerSecond { get; init; }

    /// <summary>Null where operations are not told apart.</summary>
    public IReadOnlyDictionary<string, double>? Operations { get; init; }

    public SamplingStrategyResponse ToMessage()
    {
        if (MaxTracesPerSecond is { } bound)
        {
            return new SamplingStrategyResponse
            {
                StrategyType = 1,
                RateLimitingSampling = new RateLimitingSampling { MaxTracesPerSecond = bound },
            };
        }
        var message = new SamplingStrategyResponse
        {
            ProbabilisticSampling = new ProbabilisticSampling { SamplingRate = Probability },
        };
        if (Operations is null)
            return message;
        message.OperationSampling = new PerOperationSampling
        {
            DefaultSamplingProbability = Probability,
            DefaultLowerBoundTracesPerSecond = MinTracesPerSecond,
        };
        foreach (var (operation, probability) in Operations)
        {
            message.OperationSampling.PerOperationStrategies.Add(new OperationSampling
            {
                Operation = operation,
                ProbabilisticSampling = new ProbabilisticSampling { SamplingRate = probability },
            });
        }
        return message;
    }

    /// <summary>As Jaeger writes it: the type in words, whole numbers without a fraction.</summary>
    public ReadOnlyMemory<byte> ToJson()
    {
        var output = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(output);
        json.WriteStartObject();
        json.WriteString("strategyType", MaxTracesPerSecond is null ? "PROBABILISTIC" : "RATE_LIMITING");
        if (MaxTracesPerSecond is { } bound)
        {
            json.WriteStartObject("rateLimitingSampling");
            json.WriteNumber("maxTracesPerSecond", bound);
            json.WriteEndObject();
        }
        else
        {
            json.WriteStartObject("probabilisticSampling");
            json.WriteNumber("samplingRate", Probability);
            json.WriteEndObject();
        }
        if (Operations is not null)
            WriteOperations(json, Operations);
        json.WriteEndObject();
        json.Flush();
        return output.WrittenMemory;
    }

    void WriteOperations(Utf8JsonWriter json, IReadOnlyDictionary<string, double> operations)
    {
        json.WriteStartObject("operationSampling");
        json.WriteNumber("defaultSamplingProbability", Probability);
        json.WriteNumber("defaultLowerBoundTracesPerSecond", MinTracesPerSecond);
        json.WriteStartArray("perOperationStrategies");
        foreach (var (operation, probability) in operations)
        {
            json.WriteStartObject();
            json.WriteString("operation", operation);
            json.WriteStartObject("probabilisticSampling");
            json.WriteNumber("samplingRate", probability);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteNumber("defaultUpperBoundTracesPerSecond", 0);
        json.WriteEndObject();
    }
}

/// <summary>
/// The strategies of a file ("Jaeger: file-based sampling configuration"): those of services, and a default one.
/// </summary>
sealed record StrategySet(SamplingStrategy? Default, IReadOnlyDictionary<string, SamplingStrategy> Services)
{
    public static StrategySet Empty { get; } = new(null, new Dictionary<string, SamplingStrategy>());

    /// <exception cref="FormatException">The text is no such file; the message says what is wrong and
    /// where.</exception>
    public static StrategySet Read(ReadOnlyMemory<byte> text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            var root = document.RootElement;
            var fallback = root.TryGetProperty("default_strategy", out var common) ? Strategy(common, null) : null;
            var services = new Dictionary<string, SamplingStrategy>();
            if (root.TryGetProperty("service_strategies", out var list))
            {
                foreach (var each in list.EnumerateArray())
                    services[Text(each, "service")] = Strategy(each, fallback);
            }
            return new StrategySet(fallback, services);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // the reader names the line; the other is a value of another type than wanted
            throw new FormatException(e.Message, e);
        }
    }

    static SamplingStrategy Strategy(JsonElement element, SamplingStrategy? fallback)
    {
        var strategy = Simple(element);
        var operations = new Dictionary<string, double>(fallback?.Operations ?? new Dictionary<string, double>());
        if (element.TryGetProperty("operation_strategies", out var list))
        {
            foreach (var each in list.EnumerateArray())
            {
                var operation = Text(each, "operation");
                operations[operation] = Simple(each).MaxTracesPerSecond is null
                    ? Simple(each).Probability
                    : throw new FormatException($"operation \"{operation}\" has type ratelimiting; " +
                        "operations can be probabilistic only");
            }
        }
        return operations.Count == 0 || strategy.MaxTracesPerSecond is not null
            ? strategy
            : strategy with { Operations = operations };
    }

    static SamplingStrategy Simple(JsonElement element)
    {
        var type = Text(element, "type");
        if (!element.TryGetProperty("param", out var param) || !param.TryGetDouble(out var number))
            throw new FormatException($"param of a strategy of type {type} is missing");
        return type.ToUpperInvariant() switch
        {
            "PROBABILISTIC" when number is >= 0 and <= 1 => new SamplingStrategy(number),
            "RATELIMITING" when number is >= 0 and <= int.MaxValue => new SamplingStrategy(1)
            {
                MaxTracesPerSecond = (int)number,
            },
            "PROBABILISTIC" or "RATELIMITING" => throw new FormatException(string.Create(
                CultureInfo.InvariantCulture, $"param of a strategy of type {type} is {number}, out of its range")),
            _ => throw new FormatException($"type is \"{type}\"; it must be probabilistic or ratelimiting"),
        };
    }

    static string Text(JsonElement element, string key) =>
        element.TryGetProperty(key, out var text) && text.GetString() is { } value
            ? value
            : throw new FormatException($"{key} is missing");
}
