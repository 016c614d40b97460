namespace Doppel.IsaTests.Systems;

/// <summary>A machine that runs a system program until it switches itself off.</summary>
internal interface ISystemRunner
{
    /// <summary>RAM afterwards, from its first byte.</summary>
    byte[] Run(SystemProgram program);
}
