using Doppel.RiscV.Interpreter;

namespace Doppel.RiscV.Engines;

/// <summary>The reference engine: pre-decoded interpretation.</summary>
public sealed class InterpreterEngine : IRiscVEngine
{
    /// <inheritdoc/>
    public string Name => "interp";

    /// <inheritdoc/>
    public IRiscVVcpu CreateVcpu(int hart, RiscVPlatform platform) => new InterpreterVcpu(hart, platform);
}

/// <summary>A hart that the interpreter runs.</summary>
internal sealed unsafe class InterpreterVcpu : HartVcpu
{
    private readonly InterpreterCore _core;

    internal InterpreterVcpu(int index, RiscVPlatform platform)
        : base(index, platform) => _core = new InterpreterCore(Hart);

    private protected override void RunGuest() => _core.Run();

    private protected override void FenceInstructions() => _core.Fence();

    private protected override ulong CodeInvalidations => _core.Invalidations;

    private protected override void DisposeEngine() => _core.Dispose();
}
