using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;
using Tracing.Model;
using Tracing.Model.Wire;

namespace Tracing.Storage.Blocks;

/// <summary>
/// What is known of a block without reading it: when its spans start, how many fail, how long the longest takes, and a
/// Bloom filter of the keys, values and names that they have. Immutable.
/// </summary>
/// <remarks>
/// The filter has 10 bits for each entry and sets 7 of them, so that of 100 entries which are not there 1 seems to be
/// (B. Bloom, Space/Time Trade-offs in Hash Coding, 1970); beyond 52,000 entries it grows no more, and tells less.
/// </remarks>
sealed class BlockSummary
{
    const int BitsAnEntry = 10;
    const int Probes = 7;
    const int MaxFilterBytes = 64 << 10;

    readonly ulong[] _filter;

    BlockSummary(int spans, int traces, ulong minStart, ulong maxStart, ulong? longest, int errors, int kinds,
        bool hasRest, ulong[] filter)
    {
        Spans = spans;
        Traces = traces;
        MinStart = minStart;
        MaxStart = maxStart;
        Longest = longest;
        Errors = errors;
        Kinds = kinds;
        HasRest = hasRest;
        _filter = filter;
    }

    public int Spans { get; }

    public int Traces { get; }

    /// <summary>Nanoseconds since 1970; 0 where a span has none.</summary>
    public ulong MinStart { get; }

    public ulong MaxStart { get; }

    /// <summary>The longest duration that is known, in nanoseconds; null when none is.</summary>
    public ulong? Longest { get; }

    public int Errors { get; }

    /// <summary>A bit for each <see cref="SpanKind"/>.</summary>
    public int Kinds { get; }

    /// <summary>Whether a span has events or links.</summary>
    public bool HasRest { get; }

    /// <summary>Bytes in memory, about.</summary>
    public int Weight => 120 + (8 * _filter.Length);

    /// <summary>Whether something may be there; see <see cref="SummaryHash"/>.</summary>
    public bool MayHave(ulong hash)
    {
        for (var probe = 0; probe < Probes; probe++)
        {
            var bit = BitOf(hash, probe);
            if ((_filter[bit >> 6] & (1UL << (int)(bit & 63))) == 0)
                return false;
        }
        return true;
    }

    public static BlockSummary Of(SpanBlock block)
    {
        var entries = EntriesOf(block);
        var words = Math.Clamp(((BitsAnEntry * entries.Count) + 63) / 64, 1, MaxFilterBytes / 8);
        var (min, max) = (ulong.MaxValue, 0UL);
        ulong? longest = null;
        for (var row = 0; row < block.Count; row++)
        {
            min = Math.Min(min, block.Starts[row]);
            max = Math.Max(max, block.Starts[row]);
            if (block.KnownDurationOf(row) is { } duration && !(duration <= longest))
                longest = duration;
        }
        var (errors, kinds, hasRest) = (0, 0, false);
        var uses = block.TemplateCodes.Count(block.Templates.Length);
        for (var code = 0; code < uses.Length; code++)
        {
            var template = block.Templates[code];
            errors += template.Status == StatusCode.Error ? uses[code] : 0;
            kinds |= KindBit(template.Kind);
            hasRest |= (template.Flags & SpanFlags.Rest) != 0;
        }
        var summary = new BlockSummary(
            block.Count, block.TraceCount, min, max, longest, errors, kinds, hasRest, new ulong[words]);
        foreach (var hash in entries)
            summary.Add(hash);
        return summary;
    }

    public static int KindBit(SpanKind kind) => 1 << Math.Clamp((int)kind, 0, 31);

    public byte[] ToBytes()
    {
        var output = new ByteWriter();
        output.Write(Spans);
        output.Write(Traces);
        output.Write(MinStart);
        output.Write(MaxStart - MinStart);
        output.Write(Longest is null ? 0 : 1);
        output.Write(Longest ?? 0);
        output.Write(Errors);
        output.Write(Kinds);
        output.Write(HasRest ? 1 : 0);
        output.Write(MemoryMarshal.AsBytes(_filter.AsSpan()));
        return output.Written.ToArray();
    }

    /// <exception cref="InvalidDataException">It is not what <see cref="ToBytes"/> wrote.</exception>
    public static BlockSummary Read(ReadOnlyMemory<byte> bytes)
    {
        var input = new ByteReader(bytes);
        var (spans, traces, minStart) = (input.ReadInt32(), input.ReadInt32(), input.ReadUInt64());
        var maxStart = unchecked(minStart + input.ReadUInt64());
        var isKnown = input.ReadInt32() != 0;
        var longest = input.ReadUInt64();
        var (errors, kinds, hasRest) = (input.ReadInt32(), input.ReadInt32(), input.ReadInt32() != 0);
        var filter = MemoryMarshal.Cast<byte, ulong>(input.ReadBytes().Span).ToArray();
        if (filter.Length == 0)
            throw new InvalidDataException("The summary of a block is damaged: its filter is empty.");
        return new BlockSummary(
            spans, traces, minStart, maxStart, isKnown ? longest : null, errors, kinds, hasRest, filter);
    }

    static HashSet<ulong> EntriesOf(SpanBlock block)
    {
        var entries = new HashSet<ulong>();
        foreach (var template in block.Templates)
        {
            var name = block.NameOf(template.Name);
            entries.Add(SummaryHash.OfName(name));
            if (name.Length > SeriesNames.MaxLength)
                entries.Add(SummaryHash.OfName(SeriesNames.Cut(name)));
            entries.Add(SummaryHash.OfZipkinName(ZipkinText.ToLower(name)));
        }
        for (var source = 0; source < block.SourceCount; source++)
        {
            AddAll(KeyScope.Resource, block.OtlpResourceOf(source).Attributes);
            entries.Add(SummaryHash.OfZipkinService(ZipkinText.ToLower(block.ServiceOf(source))));
        }
        for (var key = 0; key < block.KeyCount; key++)
        {
            var ofKey = SummaryHash.OfKey(KeyScope.Span, block.KeyBytesOf(key));
            entries.Add(ofKey);
            var values = block.ValuesOf(key);
            for (var code = 0; code < values.Count; code++)
            {
                var value = values.ValueOf(code);
                SummaryHash.AddValue(entries, ofKey, value);
                if (value.Type != AttributeType.String)
                    entries.Add(SummaryHash.OfOtherType(ofKey));
            }
        }
        if (!Array.Exists(block.Templates, template => template.IsZipkin))
            return entries;
        AddAll(KeyScope.Span, [new(OtlpGroups.DebugKey, new AttributeValue(true)),
            new(OtlpGroups.SharedKey, new AttributeValue(true))]);
        for (var code = 0; code < block.ExtraValuesOf(SpanTemplate.Remote).Count; code++)
            AddAll(KeyScope.Span, OtlpGroups.AttributesOf(block.RemoteEndpointOf(code)));
        return entries;

        void AddAll(KeyScope scope, KeyValue[] attributes)
        {
            foreach (var (key, value) in attributes)
            {
                var ofKey = SummaryHash.OfKey(scope, Encoding.UTF8.GetBytes(key));
                entries.Add(ofKey);
                SummaryHash.AddValue(entries, ofKey, value);
            }
        }
    }

    void Add(ulong hash)
    {
        for (var probe = 0; probe < Probes; probe++)
        {
            var bit = BitOf(hash, probe);
            _filter[bit >> 6] |= 1UL << (int)(bit & 63);
        }
    }

    // probes by two hashes (Kirsch and Mitzenmacher, 2006), mapped to the range by a multiplication
    uint BitOf(ulong hash, int probe)
    {
        ulong mixed = unchecked((uint)hash + ((uint)probe * (uint)(hash >> 32)));
        return (uint)((mixed * (64UL * (uint)_filter.Length)) >> 32);
    }
}

/// <summary>What the filters of summaries are asked for.</summary>
static class SummaryHash
{
    const long NameSeed = 100;
    const long ZipkinNameSeed = 101;
    const long ZipkinServiceSeed = 102;
    const long NumberSeed = 1;
    const long TruthSeed = 2;
    const long OtherTypeSeed = 3;

    public static ulong OfName(string name) => XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(name), NameSeed);

    /// <param name="name">Cut and in lower case, as Zipkin's search compares it.</param>
    public static ulong OfZipkinName(string name) =>
        XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(SeriesNames.Cut(name)), ZipkinNameSeed);

    /// <inheritdoc cref="OfZipkinName"/>
    public static ulong OfZipkinService(string service) =>
        XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(SeriesNames.Cut(service)), ZipkinServiceSeed);

    /// <summary>That a key has a value that is no text.</summary>
    public static ulong OfOtherType(ulong ofKey) => XxHash3.HashToUInt64([], unchecked((long)ofKey + OtherTypeSeed));

    /// <summary>That some span, or resource, has a key.</summary>
    public static ulong OfKey(KeyScope scope, ReadOnlySpan<byte> key) => XxHash3.HashToUInt64(key, (long)scope);

    /// <summary>That a key has a text as its value, or within it.</summary>
    public static ulong OfText(ulong ofKey, string text) =>
        XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(text), (long)ofKey);

    /// <summary>Integers and floats that are equal are one number.</summary>
    public static ulong OfNumber(ulong ofKey, double number)
    {
        // 0 and -0 are equal too
        var bits = number == 0 ? 0 : BitConverter.DoubleToUInt64Bits(number);
        return XxHash3.HashToUInt64(MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(in bits)),
            unchecked((long)ofKey + NumberSeed));
    }

    public static ulong OfTruth(ulong ofKey, bool isTrue) =>
        XxHash3.HashToUInt64([isTrue ? (byte)1 : (byte)0], unchecked((long)ofKey + TruthSeed));

    /// <summary>Adds a value, of an array its elements.</summary>
    public static void AddValue(HashSet<ulong> entries, ulong ofKey, AttributeValue value)
    {
        switch (value.Type)
        {
            case AttributeType.String:
                var text = value.AsString()!;
                entries.Add(OfText(ofKey, text));
                // what is listed of it is equal to it
                if (text.Length > SeriesNames.MaxLength)
                    entries.Add(OfText(ofKey, SeriesNames.Cut(text)));
                break;
            case AttributeType.Int:
                entries.Add(OfNumber(ofKey, value.AsInt()));
                break;
            case AttributeType.Double:
                entries.Add(OfNumber(ofKey, value.AsDouble()));
                break;
            case AttributeType.Bool:
                entries.Add(OfTruth(ofKey, value.AsBool()));
                break;
            case AttributeType.Array:
                foreach (var element in value.AsArray()!)
                {
                    if (element.Type != AttributeType.Array)
                        AddValue(entries, ofKey, element);
                }
                break;
            default:
                break;
        }
    }
}
