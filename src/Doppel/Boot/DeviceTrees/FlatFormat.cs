namespace Doppel.Boot.DeviceTrees;

/// <summary>Constants of the flattened format (Devicetree Specification v0.4, chapter 5).</summary>
internal static class FlatFormat
{
    internal const uint Magic = 0xD00DFEED;
    internal const uint Version = 17;
    internal const uint LastCompatibleVersion = 16;
    internal const int HeaderBytes = 40;
    internal const int ReservationBytes = 16;

    internal const uint BeginNode = 1, EndNode = 2, Property = 3, Nop = 4, End = 9;
}
