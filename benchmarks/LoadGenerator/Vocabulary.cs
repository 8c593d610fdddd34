using System.Globalization;
using Tracing.Model;

namespace Tracing.LoadGenerator;

/// <summary>An attribute of an operation: always the same value, or one drawn for each span.</summary>
/// <param name="First">Index of the key's first value in <see cref="Vocabulary.Attributes"/>.</param>
/// <param name="Count">How many of its values are drawn from; 1 for a constant.</param>
readonly record struct AttributeChoice(int First, int Count)
{
    public int Draw(SeededRandom random) => Count == 1 ? First : First + random.SkewedBelow(Count);
}

/// <summary>What a span can be about.</summary>
/// <param name="Index">Its place in <see cref="Vocabulary.Operations"/>.</param>
/// <param name="Service">Its place in <see cref="Vocabulary.Services"/>.</param>
/// <param name="Peer">The service called, or the store or broker; empty when there is none.</param>
/// <param name="MedianMicros">Median of the time that it takes itself, without what it calls.</param>
sealed record Operation(
    int Index, int Service, string Name, SpanKind Kind, string Peer, int MedianMicros, AttributeChoice[] Attributes);

/// <param name="Slot">Which of the services that take part in the route.</param>
/// <param name="Parent">Index of the step that caused this one; -1 for the first.</param>
readonly record struct Step(int Slot, int Parent, Operation Operation);

/// <summary>A way that requests take through the services.</summary>
sealed record Route(Step[] Steps)
{
    /// <summary>Services that take part, each with one instance: so a trace has 4 senders.</summary>
    public const int Slots = 4;
}

/// <summary>
/// What the workload is drawn from: 10 services, 24 routes between them, their operations, and 1,000 attribute values
/// under 97 keys, with few values for most keys and many for some. Decided by the seed.
/// </summary>
sealed class Vocabulary
{
    public const int AttributesPerSpan = 11;
    public const int KeyCount = 97;
    public const int ValueCount = 1000;

    /// <summary>One span in so many has the rare attribute in the place of another.</summary>
    public const int RareOneIn = 100_000;

    /// <summary>The rare attribute, which is the last of all.</summary>
    public static KeyValue Rare { get; } = new("session.id", new AttributeValue("seen-once-in-100000"));

    const int RouteCount = 24;

    // the one key that is not drawn: it names the operation's peer, where OTLP has no endpoint for it
    const string PeerKey = "peer.service";
    const string Broker = "kafka";

    public static IReadOnlyList<string> Services { get; } =
    [
        "frontend", "mobile-gateway", "partner-api", "checkout", "catalog",
        "payment", "shipping", "inventory", "recommendation", "accounts",
    ];

    static readonly string[] Stores = ["postgres", "redis", "mongodb"];
    static readonly string[] Peers = [.. Services, .. Stores, Broker];

    // (slot, parent, kind) of each of the 10 spans; a client without a child calls a store
    static readonly (int Slot, int Parent, SpanKind Kind)[][] Shapes =
    [
        [ // fan-out
            (0, -1, SpanKind.Server), (0, 0, SpanKind.Client), (1, 1, SpanKind.Server), (1, 2, SpanKind.Internal),
            (1, 2, SpanKind.Client), (0, 0, SpanKind.Client), (2, 5, SpanKind.Server), (2, 6, SpanKind.Client),
            (3, 7, SpanKind.Server), (3, 8, SpanKind.Client),
        ],
        [ // chain
            (0, -1, SpanKind.Server), (0, 0, SpanKind.Client), (1, 1, SpanKind.Server), (1, 2, SpanKind.Client),
            (2, 3, SpanKind.Server), (2, 4, SpanKind.Internal), (2, 4, SpanKind.Client), (3, 6, SpanKind.Server),
            (3, 7, SpanKind.Client), (3, 7, SpanKind.Client),
        ],
        [ // through a queue
            (0, -1, SpanKind.Server), (0, 0, SpanKind.Internal), (0, 0, SpanKind.Client), (1, 2, SpanKind.Server),
            (1, 3, SpanKind.Client), (1, 3, SpanKind.Producer), (2, 5, SpanKind.Consumer), (2, 6, SpanKind.Client),
            (3, 7, SpanKind.Server), (3, 8, SpanKind.Client),
        ],
    ];

    readonly SeededRandom _random;
    readonly List<Operation> _operations = [];
    readonly List<KeyValue> _attributes = new(ValueCount);

    public Vocabulary(ulong seed)
    {
        _random = new SeededRandom(~seed);
        var keys = MakeAttributes();
        Routes = [.. Enumerable.Range(0, RouteCount).Select(i => MakeRoute(Shapes[i % Shapes.Length], keys))];
    }

    public Route[] Routes { get; }

    public IReadOnlyList<Operation> Operations => _operations;

    public IReadOnlyList<KeyValue> Attributes => _attributes;

    /// <summary>
    /// Fills the attributes, those of the peers first; returns for each other key where its values lie.
    /// </summary>
    AttributeChoice[] MakeAttributes()
    {
        _attributes.AddRange(Peers.Select(peer => new KeyValue(PeerKey, new AttributeValue(peer))));
        var counts = new int[KeyCount - 1];
        Array.Fill(counts, 3);
        for (var rest = ValueCount - 1 - Peers.Length - (3 * counts.Length); rest > 0; rest--)
            counts[_random.SkewedBelow(counts.Length)]++;
        var choices = new AttributeChoice[counts.Length];
        foreach (var (key, name) in KeyNames().Index())
        {
            choices[key] = new AttributeChoice(_attributes.Count, counts[key]);
            for (var i = 0; i < counts[key]; i++)
                _attributes.Add(new KeyValue(name, MakeValue(name)));
        }
        _attributes.Add(Rare);
        return choices;
    }

    static IEnumerable<string> KeyNames()
    {
        string[] known =
        [
            "http.request.method", "http.response.status_code", "http.route", "url.path", "url.scheme",
            "server.port", "client.address", "user_agent.original", "network.protocol.version",
            "http.request.body.size", "http.response.body.size", "db.system.name", "db.shard", "db.query.text",
            "db.collection.name", "db.operation.name", "messaging.system", "messaging.destination.name",
            "messaging.message.body.size", "rpc.system", "rpc.service", "rpc.method", "rpc.grpc.status_code",
            "thread.id", "thread.name", "code.function.name", "code.line.number", "session.id", "enduser.id",
            "tenant", "region", "zone", "feature.flag", "cache.hit", "retry.count", "queue.depth.count",
        ];
        string[] areas =
        [
            "order", "basket", "product", "price", "campaign", "invoice", "parcel", "warehouse", "profile", "search",
            "review", "voucher",
        ];
        string[] fields = ["id", "type", "state", "source", "count"];
        return known.Concat(areas.SelectMany(area => fields.Select(field => $"app.{area}.{field}")));
    }

    AttributeValue MakeValue(string key)
    {
        string[] numeric = ["code", "port", "size", "count", "number", "thread.id"];
        if (Array.Exists(numeric, ending => key.EndsWith(ending, StringComparison.Ordinal)))
            return new AttributeValue((long)_random.Below(65_536));
        string[] words = ["alpha", "north", "basic", "green", "eu-west", "v2", "standard", "batch", "web", "internal"];
        var text = words[_random.Below(words.Length)] + "-" + words[_random.Below(words.Length)];
        return new AttributeValue(text + "-" + _random.Below(1 << 20).ToString("x5", CultureInfo.InvariantCulture));
    }

    Route MakeRoute((int Slot, int Parent, SpanKind Kind)[] shape, AttributeChoice[] keys)
    {
        // three of the services face the outside; the others are called
        var services = Enumerable.Range(3, Services.Count - 3).OrderBy(_ => _random.Next()).Take(Route.Slots - 1)
            .Prepend(_random.Below(3)).ToArray();
        var steps = new Step[shape.Length];
        // backwards, for a client span is called after what it calls
        for (var i = shape.Length - 1; i >= 0; i--)
        {
            var (slot, parent, kind) = shape[i];
            var child = Array.FindIndex(shape, step => step.Parent == i);
            var callee = child < 0 ? null : steps[child].Operation;
            var (name, peer) = NameOf(kind, services[slot], callee);
            steps[i] = new Step(slot, parent, OperationOf(services[slot], name, kind, peer, keys));
        }
        return new Route(steps);
    }

    (string Name, string Peer) NameOf(SpanKind kind, int service, Operation? callee)
    {
        var name = Services[service];
        return kind switch
        {
            SpanKind.Server => (Pick($"GET /{name}/{{id}}", $"POST /{name}", $"GET /{name}/search"), ""),
            SpanKind.Client when callee is not null => (callee.Name, Services[callee.Service]),
            SpanKind.Client => (Pick($"SELECT {name}", $"UPDATE {name}", $"GET {name}"), Pick(Stores)),
            SpanKind.Producer => ($"publish {name}", Broker),
            SpanKind.Consumer => ($"process {name}", Broker),
            _ => (Pick("validate", "render", "price", "authorize"), ""),
        };
    }

    string Pick(params string[] choices) => choices[_random.Below(choices.Length)];

    Operation OperationOf(int service, string name, SpanKind kind, string peer, AttributeChoice[] keys)
    {
        var known = _operations.Find(operation =>
            operation.Service == service && operation.Name == name && operation.Kind == kind && operation.Peer == peer);
        if (known is not null)
            return known;
        var made = new Operation(
            _operations.Count, service, name, kind, peer, 200 + _random.Below(4000), Choose(keys, peer));
        _operations.Add(made);
        return made;
    }

    /// <summary>The peer and some of the other keys, the first ones more often; 4 in 10 keep one value.</summary>
    AttributeChoice[] Choose(AttributeChoice[] keys, string peer)
    {
        AttributeChoice[] fixedChoice = peer.Length > 0 ? [new AttributeChoice(Array.IndexOf(Peers, peer), 1)] : [];
        var chosen = new SortedSet<int>();
        while (chosen.Count < AttributesPerSpan - fixedChoice.Length)
            chosen.Add(_random.SkewedBelow(keys.Length));
        return [.. fixedChoice, .. chosen.Select(key => _random.Below(10) < 4
            ? new AttributeChoice(keys[key].First + _random.SkewedBelow(keys[key].Count), 1)
            : keys[key])];
    }
}
