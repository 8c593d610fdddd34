using System.Buffers;
using System.IO.Compression;
using System.Numerics;
using Microsoft.AspNetCore.Http;
using Tracing.Model.Wire;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace Tracing.Collector;

/// <summary>A body that is longer than allowed, before or after decompression.</summary>
sealed class BodyTooLargeException(int maxBytes)
    : Exception($"the body is larger than {maxBytes} bytes (Tracing:Collector:MaxBodyBytes)");

/// <summary>A body that is not what its Content-Encoding says, or one that is unknown here.</summary>
sealed class BodyEncodingException(string message, bool unknown, Exception? inner = null) : Exception(message, inner)
{
    public bool Unknown { get; } = unknown;
}

/// <summary>
/// The decompressed bytes of one request, in rented memory that counts against a budget shared by all requests.
/// </summary>
sealed class RequestBody : IDisposable
{
    /// <summary>Room that a body has before any of it came, whatever length it announces.</summary>
    const int FirstBytes = 8192;

    // the pool keeps arrays of each length for each thread, which of longer ones would be gigabytes
    const int LargestPooled = 1 << 20;

    /// <summary>Nobody compresses twice for a reason; each coding costs a pass over the whole body.</summary>
    const int MaxCodings = 2;

    // RFC 9659: a body's window is 8 MiB at most
    const int ZstdWindowLog = 23;

    readonly BodyBudget _budget;
    readonly bool _rented;
    byte[] _bytes;
    int _length;
    long _expected;

    RequestBody(BodyBudget budget)
    {
        _budget = budget;
        _rented = true;
        _bytes = [];
    }

    /// <summary>A body that somebody else has read, such as gRPC.</summary>
    public RequestBody(byte[] bytes, BodyBudget budget)
    {
        budget.Take(bytes.Length);
        _budget = budget;
        _bytes = bytes;
        _length = bytes.Length;
    }

    public ReadOnlyMemory<byte> Memory => _bytes.AsMemory(0, _length);

    /// <summary>
    /// The codings of a Content-Encoding in the order in which they were applied, in lower case; identity, which is
    /// none, is left out.
    /// </summary>
    public static List<string> CodingsOf(HttpRequest request) => [.. request.Headers.ContentEncoding.ToString()
        .ToLowerInvariant().Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
        .Where(coding => coding != "identity")
        .Select(coding => coding == "x-gzip" ? "gzip" : coding)];

    /// <summary>Reads a request's body and undoes its codings: gzip, deflate (zlib), br or zstd.</summary>
    /// <param name="codings">As <see cref="CodingsOf"/> has them; at most <see cref="MaxCodings"/>.</param>
    public static async Task<RequestBody> ReadAsync(
        HttpRequest request, IReadOnlyList<string> codings, BodyBudget budget)
    {
        if (codings.Count > MaxCodings)
        {
            throw new BodyEncodingException(
                $"Content-Encoding has {codings.Count} codings; at most {MaxCodings} are undone", true);
        }
        if (request.ContentLength > budget.MaxBodyBytes)
            throw new BodyTooLargeException(budget.MaxBodyBytes);
        var body = new RequestBody(budget);
        try
        {
            await body.FillAsync(request.Body, (int)(request.ContentLength ?? 0), request.HttpContext.RequestAborted);
            // the last one applied is the first to be undone
            for (var i = codings.Count - 1; i >= 0 && body._length > 0; i--)
            {
                using (var coded = body)
                    body = coded.Decompressed(codings[i], budget);
            }
            return body;
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    RequestBody Decompressed(string encoding, BodyBudget budget)
    {
        var result = new RequestBody(budget);
        try
        {
            using var source = new MemoryStream(_bytes, 0, _length, writable: false);
            using var stream = Decompressor(encoding, source);
            result.Fill(stream, Math.Min(_length * 4L, budget.MaxBodyBytes));
            return result;
        }
        catch (Exception e) when (IntakeErrors.IsBadCompression(e))
        {
            result.Dispose();
            throw new BodyEncodingException($"cannot decompress the body as {encoding}: {e.Message}", false, e);
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    static Stream Decompressor(string encoding, Stream source) => encoding switch
    {
        "gzip" => new GZipStream(source, CompressionMode.Decompress),
        "deflate" => new ZLibStream(source, CompressionMode.Decompress),
        "br" => new BrotliStream(source, CompressionMode.Decompress),
        "zstd" => Zstd(source),
        _ => throw new BodyEncodingException(
            $"Content-Encoding \"{encoding}\" is not supported; use gzip, deflate, br, zstd or none", true),
    };

    // beside the budget, a thread that decompresses has the decompressor's window: 16 MiB of br, 8 MiB of zstd
    static DecompressionStream Zstd(Stream source)
    {
        var stream = new DecompressionStream(source);
        stream.SetParameter(ZSTD_dParameter.ZSTD_d_windowLogMax, ZstdWindowLog);
        return stream;
    }

    async Task FillAsync(Stream source, int expected, CancellationToken cancellationToken)
    {
        // a length that is only announced must not take room from those that send
        _expected = expected;
        Grow(Math.Clamp(expected + 1, 4096, FirstBytes));
        try
        {
            int read;
            while ((read = await source.ReadAsync(_bytes.AsMemory(_length), cancellationToken)) > 0)
                Advance(read);
        }
        catch (IOException e) when (e is not BadHttpRequestException)
        {
            throw new BadHttpRequestException("the body ended before it was whole", e);
        }
    }

    void Fill(Stream source, long expected)
    {
        Grow((int)Math.Max(expected + 1, 4096));
        int read;
        while ((read = source.Read(_bytes.AsSpan(_length))) > 0)
            Advance(read);
    }

    void Advance(int read)
    {
        _length += read;
        if (_length > _budget.MaxBodyBytes)
            throw new BodyTooLargeException(_budget.MaxBodyBytes);
        if (_length == _bytes.Length)
            Grow((int)Math.Min(2L * _length, _length < _expected ? _expected + 1 : _budget.MaxBodyBytes + 1L));
    }

    void Grow(int size)
    {
        // the lengths that the pool has
        var length = size <= LargestPooled ? (int)BitOperations.RoundUpToPowerOf2((uint)size) : size;
        _budget.Take(length - _bytes.Length);
        var larger = size <= LargestPooled
            ? ArrayPool<byte>.Shared.Rent(length)
            : GC.AllocateUninitializedArray<byte>(length);
        _bytes.AsSpan(0, _length).CopyTo(larger);
        GiveBack(_bytes);
        _bytes = larger;
    }

    static void GiveBack(byte[] bytes)
    {
        if (bytes.Length is > 0 and <= LargestPooled)
            ArrayPool<byte>.Shared.Return(bytes);
    }

    public void Dispose()
    {
        if (_bytes.Length == 0)
            return;
        _budget.Return(_bytes.Length);
        if (_rented)
            GiveBack(_bytes);
        _bytes = [];
        _length = 0;
    }
}

/// <summary>
/// How many bytes all requests together may hold at one time: of bodies being received, and of what is decoded of them
/// until it is stored.
/// </summary>
sealed class BodyBudget(CollectorOptions options)
{
    // rented arrays are up to twice as long as asked for
    readonly long _maxBytes = 2 * options.MaxInFlightBytes;
    long _taken;

    public int MaxBodyBytes { get; } = options.MaxBodyBytes;

    /// <summary>Memory of what one request is decoded to, of which it may have half of all.</summary>
    public DecodedMemory ForOne() => new(options.MaxInFlightBytes, Take, Return);

    /// <exception cref="IntakeBusyException">There are too few left.</exception>
    public void Take(long bytes)
    {
        if (Interlocked.Add(ref _taken, bytes) <= _maxBytes)
            return;
        Return(bytes);
        throw new IntakeBusyException("too many bytes are being received");
    }

    public void Return(long bytes) => Interlocked.Add(ref _taken, -bytes);
}
