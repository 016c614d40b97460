using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Doppel.Core.Time;
using Doppel.Host;

namespace Doppel.Boards;

/// <summary>Where a machine's time and randomness come from under each policy.</summary>
internal static class BoardTime
{
    // 2025-01-01 00:00 UTC: what the clock shows at the start of a run that must repeat.
    private const long FixedEpochNs = 1_735_689_600L * 1_000_000_000;

    /// <summary>Creates the machine's time, paused at zero.</summary>
    /// <param name="policy">How time runs.</param>
    /// <param name="ticks">Instructions begun by all vCPUs.</param>
    public static MachineTime Create(TimePolicy policy, Func<ulong> ticks) =>
        policy == TimePolicy.InstructionCount ? new InstructionCountTime(ticks) { EpochNs = FixedEpochNs } : new RealTime();

    /// <summary>Randomness for the device tree.</summary>
    public static byte[] BootSeed(VirtualMachineConfig config) => Seed(config, "boot", 32);

    /// <summary>Randomness for one purpose: a function of the configured seed where the run must repeat, the host's otherwise.</summary>
    public static byte[] Seed(VirtualMachineConfig config, string purpose, int bytes)
    {
        if (config.Time == TimePolicy.RealTime) return HostRandom.GetBytes(bytes);
        byte[] salt = Encoding.UTF8.GetBytes(purpose);
        byte[] seed = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(seed, config.Seed);
        return HKDF.DeriveKey(HashAlgorithmName.SHA256, seed, bytes, salt);
    }
}
