namespace Doppel.GuestBench.Building;

/// <summary>An instruction set as its tools spell it.</summary>
/// <param name="Architecture">Debian's name.</param>
/// <param name="CompilerPrefix">The middle of the names of Debian's compiler packages.</param>
/// <param name="Compiler">The host's compiler for it.</param>
internal sealed record GuestPlatform(string Architecture, string CompilerPrefix, string Compiler)
{
    public static readonly GuestPlatform RiscV = new("riscv64", "riscv64-linux-gnu", "riscv64-linux-gnu-gcc");
    public static readonly GuestPlatform Host = new("amd64", "x86-64-linux-gnu", "gcc");
}
