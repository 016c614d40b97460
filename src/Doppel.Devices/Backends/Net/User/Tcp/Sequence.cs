namespace Doppel.Devices.Backends.Net.User.Tcp;

/// <summary>Comparisons of sequence numbers, which wrap (RFC 9293, 3.4).</summary>
internal static class Sequence
{
    internal static bool Less(uint a, uint b) => (int)(a - b) < 0;

    internal static bool LessOrEqual(uint a, uint b) => (int)(a - b) <= 0;

    internal static uint Max(uint a, uint b) => Less(a, b) ? b : a;

    internal static uint Min(uint a, uint b) => Less(a, b) ? a : b;
}
