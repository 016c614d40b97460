using Doppel.RiscV.Context;
using Doppel.RiscV.Harts;
using Doppel.RiscV.Interpreter;

namespace Doppel.RiscV.Engines;

/// <summary>The reference engine: pre-decoded interpretation. One object for each machine.</summary>
public sealed class InterpreterEngine : IRiscVEngine
{
    private readonly HartGroup _harts = new();

    /// <inheritdoc/>
    public string Name => "interp";

    /// <inheritdoc/>
    public IRiscVVcpu CreateVcpu(int hart, RiscVPlatform platform) => new InterpreterVcpu(hart, platform, _harts);
}

/// <summary>A hart that the interpreter runs.</summary>
internal sealed unsafe class InterpreterVcpu : HartVcpu
{
    // 8 MiB of guest code in about 80 MiB.
    private const int MaxPages = 2048;

    private readonly InterpreterCore _core;

    internal InterpreterVcpu(int index, RiscVPlatform platform, HartGroup harts)
        : base(index, platform, harts, sizeof(HartContext)) => _core = new InterpreterCore(Hart, MaxPages);

    private protected override long SliceTicks => 4096;

    private protected override void RunGuest() => _core.Run();

    private protected override void FenceInstructions() => _core.Fence();

    private protected override ulong CodeInvalidations => _core.Invalidations;

    private protected override void DisposeEngine() => _core.Dispose();
}
