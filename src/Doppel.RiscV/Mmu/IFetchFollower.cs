namespace Doppel.RiscV.Mmu;

/// <summary>An engine's own knowledge of where instructions are, which ends when that of the MMU does. Called on the hart's thread.</summary>
internal interface IFetchFollower
{
    /// <summary>All translations end.</summary>
    void Flushed();

    /// <summary>Those of one page end, in all address spaces.</summary>
    void PageFlushed(ulong va);

    /// <summary>Those of one address space end that are not global.</summary>
    void SpaceFlushed(int space);

    /// <summary>Those of S-mode end.</summary>
    void SupervisorFlushed();

    /// <summary>Another address space is in use; what is not global of the supervisor's ends.</summary>
    void SpaceEntered();
}
