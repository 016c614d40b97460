namespace Doppel.RiscV;

/// <summary>A fence that another hart asks for (SBI 2.0, chapter 8).</summary>
/// <param name="IsInstruction">True for FENCE.I, false for SFENCE.VMA.</param>
/// <param name="Start">SFENCE.VMA: first guest-virtual address.</param>
/// <param name="Size">SFENCE.VMA: length of the range in bytes; <see cref="ulong.MaxValue"/> for all addresses.</param>
/// <param name="AddressSpace">SFENCE.VMA: the ASID that is meant; null for all.</param>
public readonly record struct RemoteFence(bool IsInstruction, ulong Start, ulong Size, ulong? AddressSpace)
{
    /// <summary>FENCE.I.</summary>
    public static RemoteFence Instructions { get; } = new(IsInstruction: true, 0, 0, null);

    /// <summary>SFENCE.VMA without operands.</summary>
    public static RemoteFence AllTranslations { get; } = new(IsInstruction: false, 0, ulong.MaxValue, null);
}
