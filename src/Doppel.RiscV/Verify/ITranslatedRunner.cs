namespace Doppel.RiscV.Verify;

/// <summary>What a verifier asks of the engine that it verifies. Thread contract: the hart's own thread.</summary>
internal interface ITranslatedRunner
{
    /// <summary>Runs the translated unit at the pc up to its first way out, and counts its instructions in the context.</summary>
    void RunUnit();

    /// <summary>The same with a translation of its own, of no more than the first instructions of the unit.</summary>
    /// <param name="instructions">Most guest instructions that it has.</param>
    void RunPrefix(int instructions);

    /// <summary>Host code of the unit at the pc, its address, and what made it; empty if there is none.</summary>
    (byte[] Code, ulong Address, string Quality) Describe();
}
