namespace Doppel.GuestBench.Running;

/// <summary>What executes the programs. The first of those that run is what the others are compared with.</summary>
internal enum EngineKind
{
    Qemu,
    Jit,
    Interp,
    Native,
}
