namespace Doppel.GuestBench.Cases;

/// <summary>Kinds of work; each has a mean of its own.</summary>
internal enum CaseGroup
{
    Integer,
    Float,
    Interpreters,
    Memory,
    System,
}

/// <summary>A piece of work; the script of the same name in the folder <c>cases</c> does it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Group">Its kind.</param>
/// <param name="IsQuick">True if a short run of the suite does it.</param>
/// <param name="SameOnHost">False if what it prints depends on the instruction set, so that only guests are compared.</param>
internal sealed record BenchCase(string Name, CaseGroup Group, bool IsQuick, bool SameOnHost = true);
