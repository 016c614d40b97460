using Doppel.Boards;

namespace Doppel;

/// <summary>The engines of this version, and the one that this host would use. Thread contract: static, no state.</summary>
public static class VirtualMachineEngines
{
    /// <summary>Names for <see cref="VirtualMachineConfig.Engine"/>, <c>auto</c> among them.</summary>
    public static IReadOnlyList<string> Names => [.. EngineCatalog.Names];

    /// <summary>The engine that <c>auto</c> stands for on this host.</summary>
    public static string Automatic => EngineCatalog.Preferred;
}
