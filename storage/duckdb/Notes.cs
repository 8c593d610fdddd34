namespace Tracing.Storage.DuckDb;

/// <summary>
/// What members leave for each other. In memory, as one process has the folder, and what it says is worth nothing once
/// that has ended.
/// </summary>
sealed class Notes(TimeProvider time)
{
    static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(30);

    readonly Lock _lock = new();
    readonly Dictionary<(string Topic, string Member), (ReadOnlyMemory<byte> Note, long Left)> _notes = [];

    public IReadOnlyList<ReadOnlyMemory<byte>> Exchange(string topic, string member, ReadOnlyMemory<byte> note)
    {
        lock (_lock)
        {
            _notes[(topic, member)] = (note, time.GetTimestamp());
            foreach (var (key, value) in _notes)
            {
                if (time.GetElapsedTime(value.Left) > Lifetime)
                    _notes.Remove(key);
            }
            return [.. _notes.Where(each => each.Key.Topic == topic).Select(each => each.Value.Note)];
        }
    }
}
