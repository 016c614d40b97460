namespace Doppel.UnitTests.Boot;

/// <summary>Seeded mutation of well-formed input.</summary>
internal static class Fuzz
{
    /// <summary>
    /// Changes, cuts or repeats bytes of a copy and feeds each to a reader, which may accept it or throw <see cref="FormatException"/>;
    /// anything else escapes. Returns the number of inputs tried.
    /// </summary>
    public static int Mutate(byte[] original, int seed, int count, Action<byte[]> read)
    {
        int outcomes = 0;
        foreach (byte[] bytes in Changed(original, seed, count))
        {
            try
            {
                read(bytes);
                outcomes++;
            }
            catch (FormatException)
            {
                outcomes++;
            }
        }
        return outcomes;
    }

    /// <summary>Changed copies of some bytes.</summary>
    public static IEnumerable<byte[]> Changed(byte[] original, int seed, int count)
    {
        Random random = new(seed);
        for (int i = 0; i < count; i++) yield return Change(original, random);
    }

    private static byte[] Change(byte[] original, Random random)
    {
        byte[] bytes = random.Next(8) == 0 ? original[..random.Next(original.Length + 1)] : (byte[])original.Clone();
        int changes = random.Next(1, 6);
        for (int i = 0; i < changes && bytes.Length > 0; i++)
        {
            int at = random.Next(random.Next(2) == 0 ? bytes.Length : Math.Min(bytes.Length, 128));
            bytes[at] = random.Next(4) switch { 0 => 0, 1 => 0xFF, 2 => (byte)(bytes[at] ^ (1 << random.Next(8))), _ => (byte)random.Next(256) };
        }
        return bytes;
    }
}
