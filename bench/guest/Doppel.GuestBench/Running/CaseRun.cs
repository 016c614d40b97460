namespace Doppel.GuestBench.Running;

/// <summary>One case, once, on one engine.</summary>
/// <param name="CpuSeconds">
/// Processor time between the markers: of the emulator's process, all threads; natively of the case's own processes.
/// </param>
/// <param name="WallSeconds">Time on the clock between the markers.</param>
/// <param name="Checksum">SHA-256 of what the case has printed.</param>
internal sealed record CaseRun(double CpuSeconds, double WallSeconds, string Checksum);

/// <summary>A case went wrong on an engine, or the engine did.</summary>
internal sealed class CaseFailure(string message, bool engineLost) : Exception(message)
{
    /// <summary>True if the engine has to be started again.</summary>
    public bool EngineLost { get; } = engineLost;
}
