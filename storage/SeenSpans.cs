using Tracing.Model;

namespace Tracing.Storage;

/// <summary>
/// The spans that came last, by <see cref="SpanIdentity"/>: tells which of those that come now came before, in whatever
/// body, and what is left to be counted of them. As many as fit into a bound of bytes: 48 for each. What was reported
/// in part is remembered beside them, in <see cref="MaxHalfBytes"/>. Not thread-safe.
/// </summary>
/// <remarks>
/// Two tables, of which the older is forgotten when the newer is full. What is forgotten counts as new.
/// </remarks>
sealed class SeenSpans(long maxBytes = SeenSpans.DefaultBytes)
{
    /// <summary>1.4 million spans: ten minutes of 2,000 a second.</summary>
    public const long DefaultBytes = 64 << 20;

    /// <summary>Of what is remembered of incomplete spans: some 25,000.</summary>
    const long MaxHalfBytes = 8 << 20;

    /// <summary>So long may senders come again with what they sent.</summary>
    public static readonly TimeSpan ResentFor = TimeSpan.FromMinutes(10);

    const int EntryBytes = 48;

    readonly List<Change> _changes = [];
    readonly SpanHalves _halves = new(MaxHalfBytes);
    IdentityTable _newer = new(CapacityOf(maxBytes));
    IdentityTable _older = new(CapacityOf(maxBytes));

    /// <summary>So many are remembered at least, once there were more.</summary>
    public int Capacity { get; } = CapacityOf(maxBytes);

    /// <summary>Whether it is a span that did not come before; if so it is remembered.</summary>
    /// <param name="isZipkin">
    /// Zipkin's reports of a span may leave out kind and service, and are one with those that do not.
    /// </param>
    public bool TryAdd(in SpanIdentity key, bool isZipkin)
    {
        var isNew = !Find(key, isZipkin, out var table, out var place);
        Note(key, table, place, key.Notes);
        return isNew;
    }

    public bool TryAdd(Span span, string service) =>
        TryAdd(SpanIdentity.Of(span, service), span.Origin == SpanOrigin.Zipkin);

    /// <summary>
    /// Takes in a report of a span, which counts once: at the first start that is known, with the first duration.
    /// </summary>
    /// <param name="service">In lower case.</param>
    /// <param name="createdMillis">As of the <see cref="SpanStatistics"/> that count it.</param>
    public SpanReport Add(Span span, string service, long createdMillis)
    {
        var key = SpanIdentity.Of(span, service);
        var (minute, nanos) = (SpanStatistics.MinuteOf(span, createdMillis), (long?)span.KnownDuration);
        var notes = minute is null ? SpanNotes.None
            : nanos is null ? SpanNotes.Counted : SpanNotes.Counted | SpanNotes.Whole;
        var failed = span.Status == StatusCode.Error ? SpanNotes.Failed : SpanNotes.None;
        if (!Find(key, span.Origin == SpanOrigin.Zipkin, out var table, out var place))
        {
            var half = (minute is null) == (nanos is null) ? null : SpanHalf.Of(span, minute, nanos);
            Note(key, null, -1, notes | failed, half);
            return default;
        }
        var known = table![place].Notes;
        var before = _halves.Find(table[place]);
        var report = new SpanReport { IsRepeat = true, IsFirstFailure = (failed & ~known) != 0 };
        // of one that was counted without its duration and is forgotten nothing can be taken back
        if ((known & SpanNotes.Whole) != 0 || ((known & SpanNotes.Counted) != 0 && before is null))
        {
            if (before is not null)
                report = report with { Uncounted = SpanHalf.Complete(before, span, minute, nanos) };
            Note(key, table, place, known | failed, before);
            return report;
        }
        if (SpanHalf.Complete(before, span, minute, nanos) is not { } counted)
        {
            var left = before ?? (nanos is null ? null : SpanHalf.Of(span, null, nanos));
            Note(key, table, place, known | failed, left);
            return report;
        }
        var isWhole = counted.Counted.Nanos is not null;
        Note(key, table, place, known | failed | SpanNotes.Counted | (isWhole ? SpanNotes.Whole : SpanNotes.None),
            isWhole ? before : counted.Counted);
        return report with { Correction = counted };
    }

    /// <summary>
    /// Remembers a report that is stored already, of a span with a start and a duration. Those of others are added as
    /// they were, in their order, after these.
    /// </summary>
    public void Recall(in SpanIdentity key, bool isZipkin, ulong startUnixNano, bool isFailed, long createdMillis)
    {
        var notes = SpanStatistics.MinuteOf(startUnixNano, createdMillis) is null
            ? SpanNotes.None
            : SpanNotes.Counted | SpanNotes.Whole;
        Find(key, isZipkin, out var table, out var place);
        Note(key, table, place, notes | (isFailed ? SpanNotes.Failed : SpanNotes.None));
        _changes.Clear();
    }

    /// <summary>What was added since is stored.</summary>
    public void Publish() => _changes.Clear();

    /// <summary>What was added since is not stored.</summary>
    public void Discard()
    {
        for (var i = _changes.Count - 1; i >= 0; i--)
        {
            var (before, after, half) = _changes[i];
            _halves.Set(after, null);
            if (!before.IsNone)
                _halves.Set(before, half);
            if (!_newer.TryReplace(after, before))
                _older.TryReplace(after, before);
        }
        _changes.Clear();
    }

    static int CapacityOf(long maxBytes) => (int)Math.Clamp(maxBytes / EntryBytes / 2, 1, 1 << 26);

    bool Find(in SpanIdentity key, bool isZipkin, out IdentityTable? table, out int place)
    {
        foreach (var isExact in isZipkin ? [true, false] : (ReadOnlySpan<bool>)[true])
        {
            table = _newer;
            if ((place = table.Find(key, isExact)) >= 0)
                return true;
            table = _older;
            if ((place = table.Find(key, isExact)) >= 0)
                return true;
        }
        (table, place) = (null, -1);
        return false;
    }

    /// <summary>Adds notes to what is known of a span, or the span if it is not known.</summary>
    /// <param name="half">What is to be remembered of it beside that.</param>
    void Note(in SpanIdentity key, IdentityTable? table, int place, SpanNotes notes, SpanHalf? half = null)
    {
        if (table is null)
        {
            if (_newer.Count >= Capacity)
            {
                (_newer, _older) = (_older, _newer);
                _newer.Clear();
            }
            if (!_newer.TryAdd(key.With(notes)))
                return;
            _halves.Set(key, half);
            _changes.Add(new Change(default, key.With(notes), null));
            return;
        }
        ref var known = ref table[place];
        var (before, after) = (known, known.FilledFrom(key).With(known.Notes | notes));
        var halfBefore = _halves.Find(before);
        if (before.Equals(after) && before.Notes == after.Notes && ReferenceEquals(half, halfBefore))
            return;
        _changes.Add(new Change(before, after, halfBefore));
        _halves.Set(before, null);
        _halves.Set(after, half);
        known = after;
    }

    /// <param name="Before">None if it was new.</param>
    readonly record struct Change(SpanIdentity Before, SpanIdentity After, SpanHalf? Half);
}

/// <summary>
/// Identities by trace and id, one after the other from the place that the hash says: in an array without references,
/// of which a third stays empty, so that each takes 48 bytes.
/// </summary>
sealed class IdentityTable(int capacity)
{
    const int FirstSlots = 1024;

    /// <summary>So many of one trace and id are remembered, since all of them are looked at.</summary>
    const int MaxAlike = 64;

    SpanIdentity[] _slots = new SpanIdentity[Math.Min(FirstSlots, SlotsFor(capacity))];

    // of the slots, those that were something and are free now
    static readonly SpanIdentity _removed = new(new TraceId(0, 1), default, SpanKind.Unspecified, false, "");

    /// <summary>Slots in use.</summary>
    public int Count { get; private set; }

    public ref SpanIdentity this[int place] => ref _slots[place];

    /// <summary>Where it is, or one that it may be a part of, or the other way; -1 for nowhere.</summary>
    public int Find(in SpanIdentity key, bool isExact)
    {
        for (var at = Start(key); !IsEmpty(_slots[at]); at = Next(at))
        {
            ref var slot = ref _slots[at];
            if (!slot.IsNone && (isExact ? slot.Equals(key) : slot.IsPartOf(key)))
                return at;
        }
        return -1;
    }

    /// <summary>False if there are too many of its trace and id.</summary>
    public bool TryAdd(in SpanIdentity key)
    {
        if (2 * (Count + 1) > _slots.Length && _slots.Length < SlotsFor(capacity))
            Grow();
        var alike = 0;
        var at = Start(key);
        for (; !IsEmpty(_slots[at]); at = Next(at))
        {
            if (_slots[at].HasIdsOf(key) && ++alike == MaxAlike)
                return false;
        }
        _slots[at] = key;
        Count++;
        return true;
    }

    /// <summary>Replaces a key, which may be by none, if it is there.</summary>
    public bool TryReplace(in SpanIdentity key, in SpanIdentity other)
    {
        var at = Find(key, isExact: true);
        if (at < 0)
            return false;
        _slots[at] = other.IsNone ? _removed : other;
        return true;
    }

    public void Clear()
    {
        Array.Clear(_slots);
        Count = 0;
    }

    static int SlotsFor(int capacity) => capacity + (capacity / 2) + 1;

    static bool IsEmpty(in SpanIdentity slot) => slot.IsNone && !slot.Equals(_removed);

    int Start(in SpanIdentity key) => (int)(((ulong)key.HashOfIds() * (uint)_slots.Length) >> 32);

    int Next(int at) => at + 1 == _slots.Length ? 0 : at + 1;

    void Grow()
    {
        var before = _slots;
        _slots = new SpanIdentity[Math.Min(2 * before.Length, SlotsFor(capacity))];
        Count = 0;
        foreach (ref readonly var slot in before.AsSpan())
        {
            if (slot.IsNone)
                continue;
            var at = Start(slot);
            while (!IsEmpty(_slots[at]))
                at = Next(at);
            _slots[at] = slot;
            Count++;
        }
    }
}
