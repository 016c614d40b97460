using System.Runtime.Intrinsics.X86;
using Doppel.RiscV.Harts;
using Doppel.RiscV.Translate;

namespace Doppel.RiscV.Engines;

/// <summary>The translator of RISC-V code to x86-64. One object for each machine.</summary>
/// <param name="options">How to translate.</param>
public sealed class JitEngine(JitOptions options) : IRiscVEngine
{
    private readonly HartGroup _harts = new();
    private readonly OptimiserThread _optimiser = new();
    private MachineCode? _code;

    /// <summary>An engine with default options.</summary>
    public JitEngine()
        : this(JitOptions.Default)
    {
    }

    /// <summary>True if this host's processor has the instructions that generated code uses (x86-64-v3).</summary>
    public static bool IsSupported => Avx2.X64.IsSupported && Bmi1.X64.IsSupported && Bmi2.X64.IsSupported && Fma.IsSupported
        && Lzcnt.X64.IsSupported && Popcnt.X64.IsSupported;

    /// <inheritdoc/>
    public string Name => "jit";

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">Verification was asked for, and time follows a clock.</exception>
    /// <exception cref="PlatformNotSupportedException">The host is not one that <see cref="IsSupported"/>.</exception>
    public IRiscVVcpu CreateVcpu(int hart, RiscVPlatform platform)
    {
        if (!IsSupported) throw new PlatformNotSupportedException("The engine jit needs an x86-64-v3 processor; use --engine interp");
        if (options.Verify && !platform.Time.IsDeterministic)
            throw new ArgumentException("Verification needs time that is counted in instructions, or the two engines would read different times", nameof(platform));
        return new JitVcpu(hart, platform, _harts, _code ??= new MachineCode(platform, _optimiser, options));
    }
}
