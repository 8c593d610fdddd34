using System.Collections.Concurrent;

namespace Tracing.CrashTest;

/// <summary>
/// Start, check, send, kill, and again. A body's fate is one of three: acknowledged; without an answer, until the next
/// start shows whether it is there, and it is sent again; or not yet sent.
/// </summary>
sealed class CrashRun(CrashOptions options, TimeProvider time, Action<string> say)
{
    const int SayEveryKills = 10;

    /// <summary>One start in so many is killed before it has ended.</summary>
    const int KillStartOneIn = 5;

    /// <summary>One acknowledged body in so many is sent again at once, as if its answer had been lost.</summary>
    const int ResendOneIn = 20;

    /// <summary>Bodies of the round before that are sent again after a start.</summary>
    const int ResentAfterStart = 5;

    /// <summary>Reads at a time.</summary>
    const int Readers = 4;

    readonly CrashReport _report = new();
    readonly Random _random = new(options.Seed);
    readonly long _startMicros = time.GetUtcNow().ToUnixTimeMilliseconds() * 1000;
    readonly List<int> _earlier = [];
    readonly ConcurrentQueue<int> _acknowledged = [];
    readonly ConcurrentQueue<int> _unanswered = [];

    // spans, and calls, of bodies known to be in the store, and spans of those sent so far
    long _stored;
    long _calls;
    long _sent;
    int _bodies;

    public async Task<CrashReport> RunAsync()
    {
        for (var said = 0; _report.Kills < options.Kills;)
        {
            if (_random.Next(KillStartOneIn) == 0)
                await KillWhileStartingAsync();
            await using var server = await StartAsync();
            await CheckAsync(server, all: false);
            await SendUntilKilledAsync(server);
            if (_report.Kills - said < SayEveryKills)
                continue;
            said = _report.Kills;
            say($"{said} kills, {_report.SpansAcknowledged} spans, lost {_report.Lost}");
        }
        // what the last round left without an answer is sent again; a second start counts it
        await using (var server = await StartAsync())
        {
            await CheckAsync(server, all: false);
            await KillAsync(server);
        }
        await using var last = await StartAsync();
        await CheckAsync(last, all: true);
        NoteComplaints(last);
        return _report;
    }

    async Task<ServerProcess> StartAsync()
    {
        var began = time.GetTimestamp();
        var server = await ServerProcess.StartAsync(options.Server, options.Folder, [.. options.ServerArguments]);
        var took = time.GetElapsedTime(began);
        if (took > _report.SlowestStart)
            _report.SlowestStart = took;
        return server;
    }

    async Task KillWhileStartingAsync()
    {
        await using var server = ServerProcess.Begin(options.Server, options.Folder, [.. options.ServerArguments]);
        // up to what a start may take, so that some get far
        await Task.Delay(_report.SlowestStart * _random.NextDouble(), time);
        await KillAsync(server);
        _report.KillsAtStart++;
    }

    async Task KillAsync(ServerProcess server)
    {
        await server.KillAsync();
        _report.Kills++;
        NoteComplaints(server);
    }

    void NoteComplaints(ServerProcess server)
    {
        string[] levels = ["warn:", "fail:", "crit:"];
        _report.Complaints.AddRange(server.Output.Where(
            line => Array.Exists(levels, level => line.StartsWith(level, StringComparison.Ordinal))));
    }

    /// <summary>Reads what the last round sent and some of what was sent before, or all.</summary>
    async Task CheckAsync(ServerProcess server, bool all)
    {
        var counts = await StoredCounts.ReadAsync(server.Client);
        _report.Miscounted += Math.Abs(counts.Spans - counts.Stored);
        var unanswered = _unanswered.Order().ToList();
        _unanswered.Clear();
        foreach (var number in unanswered)
            await ResolveAsync(server, number);
        CompareStored(counts.Stored);
        _report.Calls = counts.Calls;
        _report.CallsMiscounted += Math.Abs(counts.Calls - _calls) + Math.Abs(counts.CallersCalls - _calls);
        // what was found now is not found again
        _calls = counts.Calls;

        var round = _acknowledged.ToArray();
        _acknowledged.Clear();
        int[] earlier = [.. _earlier];
        if (!all)
            earlier = earlier.Length == 0 ? [] : _random.GetItems(earlier, options.Sample);
        await ReadAllAsync(server, earlier.Concat(round));
        _earlier.AddRange(round);
        foreach (var number in round.TakeLast(ResentAfterStart))
            await SendAgainAsync(server, number);
        foreach (var number in unanswered)
        {
            Acknowledge(number, Make(number), await SendAgainAsync(server, number));
            _report.Unanswered++;
        }
    }

    async Task ReadAllAsync(ServerProcess server, IEnumerable<int> numbers) =>
        await Parallel.ForEachAsync(
            numbers.Distinct(), new ParallelOptions { MaxDegreeOfParallelism = Readers }, async (number, _) =>
            {
                var stored = await StoredBodies.ReadAsync(server.Client, Make(number));
                lock (_report)
                {
                    _report.Checks++;
                    _report.Lost += stored.Expected - stored.Found;
                    _report.Doubled += stored.Beyond;
                }
            });

    /// <summary>Decides whether a body without an answer came to be stored.</summary>
    async Task ResolveAsync(ServerProcess server, int number)
    {
        var body = Make(number);
        var stored = await StoredBodies.ReadAsync(server.Client, body);
        _stored += stored.Found;
        if (stored.IsWhole)
        {
            _report.UnansweredStored++;
            _calls += body.Calls;
        }
        else if (!stored.IsAbsent)
            _report.Torn++;
    }

    void CompareStored(long spans)
    {
        // reading a trace leaves out identical spans, so that only their number shows whether some came twice
        _report.Doubled += Math.Max(0, spans - _stored);
        _report.Short += Math.Max(0, _stored - spans);
        // what was found now is not found again
        _stored = spans;
    }

    /// <summary>Returns how many spans of the body were not there before.</summary>
    async Task<int> SendAgainAsync(ServerProcess server, int number)
    {
        var body = Make(number);
        var before = await StoredBodies.ReadAsync(server.Client, body);
        await SendAsync(server.Client, body);
        var after = await StoredBodies.ReadAsync(server.Client, body);
        _report.Resent++;
        _report.Lost += after.Expected - after.Found;
        return after.Found - before.Found;
    }

    async Task SendUntilKilledAsync(ServerProcess server)
    {
        using var moment = new KillMoment(options.Folder, _random, options.Round, time);
        var began = time.GetTimestamp();
        _sent = 0;
        var senders = Enumerable.Range(0, options.Connections).Select(_ => SendAllAsync(server.Client, began)).ToList();
        await moment.WaitAsync();
        await KillAsync(server);
        await Task.WhenAll(senders);
    }

    /// <summary>Sends one body after the other until the server is gone.</summary>
    async Task SendAllAsync(HttpClient client, long began)
    {
        while (true)
        {
            var number = Interlocked.Increment(ref _bodies);
            var body = Make(number);
            try
            {
                await SendAsync(client, body);
                Acknowledge(number, body, body.Spans.Count);
                if (number % ResendOneIn == 0)
                    await SendAsync(client, body);
            }
            catch (HttpRequestException)
            {
                // the kill; what was acknowledged stays so
                if (!_acknowledged.Contains(number))
                    _unanswered.Enqueue(number);
                return;
            }
            await KeepToRateAsync(began, body.Spans.Count);
        }
    }

    /// <param name="added">How many of its spans were not there before.</param>
    void Acknowledge(int number, CrashBody body, int added)
    {
        _acknowledged.Enqueue(number);
        Interlocked.Add(ref _stored, added);
        if (added > 0)
            Interlocked.Add(ref _calls, body.Calls);
        lock (_report)
        {
            _report.Bodies++;
            _report.SpansAcknowledged += body.Spans.Count;
        }
    }

    async Task KeepToRateAsync(long began, int spans)
    {
        var sent = Interlocked.Add(ref _sent, spans);
        if (options.Rate == 0)
            return;
        var ahead = TimeSpan.FromSeconds((double)sent / options.Rate) - time.GetElapsedTime(began);
        if (ahead > TimeSpan.Zero)
            await Task.Delay(ahead, time);
    }

    static async Task SendAsync(HttpClient client, CrashBody body)
    {
        using var content = new ByteArrayContent(body.Bytes);
        content.Headers.ContentType = new(body.ContentType);
        using var answer = await client.PostAsync(body.Path, content);
        if (!answer.IsSuccessStatusCode)
            throw new InvalidOperationException($"{body.Path} was answered {(int)answer.StatusCode}: " +
                await answer.Content.ReadAsStringAsync());
    }

    CrashBody Make(int number) => CrashBody.Make(options.Seed, number, _startMicros);
}
