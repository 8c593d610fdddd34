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

    /// <summary>Bodies made of others: bytes changed, cut out, doubled, or taken from another body.</summary>
    public static IEnumerable<byte[]> Mutations(IReadOnlyList<byte[]> bodies, int seed, long rounds)
    {
        var random = new Random(seed);
        for (var round = 0L; round < rounds; round++)
        {
            var body = bodies[random.Next(bodies.Count)].ToList();
            for (var changes = random.Next(1, 4); changes > 0 && body.Count > 0; changes--)
                Mutate(body, bodies[random.Next(bodies.Count)], random);
            yield return [.. body];
        }
    }

    static void Mutate(List<byte> body, byte[] other, Random random)
    {
        var at = random.Next(body.Count);
        var length = Math.Min(random.Next(1, 20), body.Count - at);
        switch (random.Next(6))
        {
            case 0: body[at] = (byte)random.Next(256); break;
            case 1: body[at] ^= (byte)(1 << random.Next(8)); break;
            case 2: body.RemoveRange(at, length); break;
            case 3: body.InsertRange(at, body.GetRange(at, length)); break;
            case 4: body[at] = random.GetItems<byte>([0, 1, 0x7f, 0x80, 0xff, .. "0909:./\\\"eE-+ux"u8], 1)[0]; break;
            default: body.InsertRange(at, other.Skip(random.Next(other.Length)).Take(length)); break;
        }
    }
}
