namespace Doppel.Host.Probes;

/// <summary>What KVM really does on this host.</summary>
/// <param name="NativeLoopNs">Nanoseconds that one turn of a two-instruction loop takes on the host itself.</param>
/// <param name="GuestLoopNs">Nanoseconds that the same turn takes inside a KVM guest.</param>
/// <param name="ExitNs">Nanoseconds from the guest to this process and back, for one port write.</param>
public sealed record KvmSpeed(double NativeLoopNs, double GuestLoopNs, double ExitNs)
{
    /// <summary>How many times slower than the host guest code runs: near 1 on hardware virtualization.</summary>
    public double Slowdown => GuestLoopNs / NativeLoopNs;

    /// <summary>True if the processor itself runs the guest; false if something below emulates it.</summary>
    public bool IsHardware => Slowdown < 3;
}
