namespace Tracing.Tests;

/// <summary>What may become of a body on its way: for decoders, which have to bear it.</summary>
static class Damage
{
    const int Rounds = 20_000;

    /// <summary>Every beginning of the body that is shorter than it.</summary>
    public static IEnumerable<byte[]> Cuts(byte[] body) => Enumerable.Range(0, body.Length).Select(n => body[..n]);

    /// <summary>The body with one to three other bytes, many times over; the same for the same seed.</summary>
    public static IEnumerable<byte[]> Flips(byte[] body, int seed)
    {
        var random = new Random(seed);
        for (var round = 0; round < Rounds; round++)
        {
            var damaged = (byte[])body.Clone();
            for (var flips = random.Next(1, 4); flips > 0; flips--)
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            yield return damaged;
        }
    }
}
