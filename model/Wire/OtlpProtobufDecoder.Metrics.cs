using static Tracing.Model.Wire.ProtobufReader;

namespace Tracing.Model.Wire;

// metrics: of each the histograms' data points; exemplars are skipped
sealed partial class OtlpProtobufDecoder
{
    public DecodedMetrics DecodeMetrics(Func<string, bool> isWanted)
    {
        Want(isWanted);
        ReadMetrics(_reader.End);
        RefuseIfBroken(isEmpty: IsEmpty);
        return ToDecodedMetrics();
    }

    void ReadMetrics(int end)
    {
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            if (tag != (1 << 3 | Length))
                _reader.SkipUnknown(1, 1);
            else if (_reader.TryEnter(end, out var inner))
                ReadResourceMetrics(inner);
        }
    }

    void ReadResourceMetrics(int end)
    {
        var first = PointCount;
        var start = _reader.Position;
        // as of spans: fields 1 and 3 are the resource and its schema URL, 2 is skipped
        var resource = ReadResourceOf(end);
        var problem = TakeProblem();
        var readable = _reader.Readable(end);
        _reader.Leave(start);
        while (_reader.NextTag(readable) is not 0 and var tag)
        {
            if (tag != (2 << 3 | Length))
                _reader.Skip();
            else if (_reader.TryEnter(end, out var inner))
                ReadScopeMetrics(inner);
        }
        _reader.Leave(end);
        SetResource(first, resource);
        RejectPoints(first, "Points of a resource", problem);
    }

    void ReadScopeMetrics(int end)
    {
        var first = PointCount;
        var scope = new ScopeFields(Attributes.Mark);
        string? problem = null;
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            switch (tag)
            {
                case 1 << 3 | Length when _reader.TryEnter(end, out var inner):
                    ReadScope(inner, ref scope);
                    TakeProblem(ref problem);
                    break;
                case 2 << 3 | Length when _reader.TryEnter(end, out var inner): ReadMetric(inner); break;
                case 3 << 3 | Length: _reader.Skip(); break;
                default: _reader.SkipUnknown(1, 3); break;
            }
        }
        _reader.Leave(end);
        TakeProblem(ref problem);
        SetScope(first, new InstrumentationScope
        {
            Name = scope.Name,
            Version = scope.Version,
            Attributes = Attributes.Take(scope.Mark),
            DroppedAttributes = scope.Dropped,
        });
        RejectPoints(first, "Points of a scope", problem);
    }

    void ReadMetric(int end)
    {
        BeginMetric();
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            switch (tag)
            {
                case 1 << 3 | Length: Instrument.Name = ReadName(end); break;
                case 3 << 3 | Length: Instrument.Unit = ReadName(end); break;
                // description, metadata
                case 2 << 3 | Length:
                case 12 << 3 | Length: _reader.Skip(); break;
                case 7 << 3 | Length when Instrument.Name == MetricInstrument.ClientSpans &&
                    _reader.TryEnter(end, out var inner):
                    ReadClientSpans(inner);
                    break;
                // gauge, sum, summary
                case 5 << 3 | Length:
                case 7 << 3 | Length:
                case 11 << 3 | Length: IgnorePoints(_reader.EnterMessage(end)); break;
                case 9 << 3 | Length when _reader.TryEnter(end, out var inner): ReadHistogram(inner, false); break;
                case 10 << 3 | Length when _reader.TryEnter(end, out var inner): ReadHistogram(inner, true); break;
                default: _reader.SkipUnknown(1, 12); break;
            }
        }
        _reader.Leave(end);
        EndMetric();
    }

    /// <summary>A sum of whole numbers, of our own client, which writes the name first.</summary>
    void ReadClientSpans(int end)
    {
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            switch (tag)
            {
                case 1 << 3 | Length when _reader.TryEnter(end, out var inner):
                    var offset = _reader.FieldOffset;
                    BeginPoint(offset);
                    ReadNumberPoint(inner);
                    _reader.Leave(inner);
                    EndPoint(offset, isExponential: false);
                    break;
                case 2 << 3 | Varint: Instrument.Temporality = (MetricTemporality)_reader.ReadInt32(); break;
                case 3 << 3 | Varint: _reader.Skip(); break;
                default: _reader.SkipUnknown(1, 3); break;
            }
        }
        _reader.Leave(end);
    }

    void ReadNumberPoint(int end)
    {
        var first = Attributes.Mark;
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            switch (tag)
            {
                case 2 << 3 | Fixed64: Point.StartUnixNano = _reader.ReadFixed64(); break;
                case 3 << 3 | Fixed64: Point.TimeUnixNano = _reader.ReadFixed64(); break;
                case 6 << 3 | Fixed64: Point.Count = _reader.ReadFixed64(); break;
                case 7 << 3 | Length: ReadAttribute(_reader.EnterMessage(end), first); break;
                case 8 << 3 | Varint: Point.Flags = _reader.ReadUInt32(); break;
                default: _reader.SkipUnknown(2, 8); break;
            }
        }
    }

    void IgnorePoints(int end)
    {
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            if (tag == (1 << 3 | Length))
                IgnorePoint(_reader.FieldOffset);
            _reader.Skip();
        }
    }

    void ReadHistogram(int end, bool isExponential)
    {
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            switch (tag)
            {
                case 1 << 3 | Length when _reader.TryEnter(end, out var inner): ReadPoint(inner, isExponential); break;
                case 2 << 3 | Varint: Instrument.Temporality = (MetricTemporality)_reader.ReadInt32(); break;
                default: _reader.SkipUnknown(1, 2); break;
            }
        }
        _reader.Leave(end);
    }

    void ReadPoint(int end, bool isExponential)
    {
        var offset = _reader.FieldOffset;
        BeginPoint(offset);
        if (isExponential)
            ReadExponentialPoint(end);
        else
            ReadExplicitPoint(end);
        _reader.Leave(end);
        EndPoint(offset, isExponential);
    }

    void ReadExplicitPoint(int end)
    {
        var first = Attributes.Mark;
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            switch (tag)
            {
                case 2 << 3 | Fixed64: Point.StartUnixNano = _reader.ReadFixed64(); break;
                case 3 << 3 | Fixed64: Point.TimeUnixNano = _reader.ReadFixed64(); break;
                case 4 << 3 | Fixed64: Point.Count = _reader.ReadFixed64(); break;
                case 5 << 3 | Fixed64: Point.Sum = _reader.ReadDouble(); break;
                case 6 << 3 | Length: ReadPacked(end, Point.BucketCounts, _reader.ReadFixed64); break;
                case 6 << 3 | Fixed64: Push(Point.BucketCounts, _reader.ReadFixed64()); break;
                case 7 << 3 | Length: ReadPacked(end, Point.Bounds, _reader.ReadDouble); break;
                case 7 << 3 | Fixed64: Push(Point.Bounds, _reader.ReadDouble()); break;
                case 8 << 3 | Length: _reader.Skip(); break;
                case 9 << 3 | Length: ReadAttribute(_reader.EnterMessage(end), first); break;
                case 10 << 3 | Varint: Point.Flags = _reader.ReadUInt32(); break;
                case 11 << 3 | Fixed64: Point.Min = _reader.ReadDouble(); break;
                case 12 << 3 | Fixed64: Point.Max = _reader.ReadDouble(); break;
                default: _reader.SkipUnknown(2, 12); break;
            }
        }
    }

    void ReadExponentialPoint(int end)
    {
        var first = Attributes.Mark;
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            switch (tag)
            {
                case 1 << 3 | Length: ReadAttribute(_reader.EnterMessage(end), first); break;
                case 2 << 3 | Fixed64: Point.StartUnixNano = _reader.ReadFixed64(); break;
                case 3 << 3 | Fixed64: Point.TimeUnixNano = _reader.ReadFixed64(); break;
                case 4 << 3 | Fixed64: Point.Count = _reader.ReadFixed64(); break;
                case 5 << 3 | Fixed64: Point.Sum = _reader.ReadDouble(); break;
                case 6 << 3 | Varint: Point.Scale = _reader.ReadSInt32(); break;
                case 7 << 3 | Fixed64: Point.ZeroCount = _reader.ReadFixed64(); break;
                case 8 << 3 | Length: Point.Offset = ReadBuckets(end, Point.BucketCounts, Point.Offset); break;
                case 9 << 3 | Length: ReadBuckets(end, Point.NegativeCounts, 0); break;
                case 10 << 3 | Varint: Point.Flags = _reader.ReadUInt32(); break;
                case 11 << 3 | Length: _reader.Skip(); break;
                case 12 << 3 | Fixed64: Point.Min = _reader.ReadDouble(); break;
                case 13 << 3 | Fixed64: Point.Max = _reader.ReadDouble(); break;
                // values up to the threshold are counted as zero; how large they were does not matter then
                case 14 << 3 | Fixed64: _reader.ReadDouble(); break;
                default: _reader.SkipUnknown(1, 14); break;
            }
        }
    }

    /// <summary>Adds the counts of a Buckets message and answers its offset.</summary>
    int ReadBuckets(int outerEnd, List<ulong> counts, int offset)
    {
        var end = _reader.EnterMessage(outerEnd);
        while (_reader.NextTag(end) is not 0 and var tag)
        {
            switch (tag)
            {
                case 1 << 3 | Varint: offset = _reader.ReadSInt32(); break;
                case 2 << 3 | Length: ReadPacked(end, counts, _reader.ReadUInt64); break;
                case 2 << 3 | Varint: Push(counts, _reader.ReadUInt64()); break;
                default: _reader.SkipUnknown(1, 2); break;
            }
        }
        return offset;
    }

    void ReadPacked<T>(int outerEnd, List<T> elements, Func<T> read)
    {
        var end = _reader.EnterMessage(outerEnd);
        while (_reader.Position < end && !_reader.IsBroken)
            Push(elements, read());
        if (_reader.Position > end)
            _reader.Fail("a number reaches beyond the end of its list");
    }

    void Push<T>(List<T> elements, T element)
    {
        if (HasRoomForBucket(elements.Count, _reader.FieldOffset))
            elements.Add(element);
    }
}
