using System.Buffers.Binary;
using Doppel.Jit.Ir;
using Doppel.RiscV.Translate;

namespace Doppel.UnitTests.Jit;

/// <summary>What becomes of instructions whose effect no single-threaded run shows.</summary>
public sealed class LifterTests
{
    private const uint FenceReadWrite = 0x0330_000F, FenceReads = 0x0220_000F, Return = 0x0000_8067;

    // A device on another thread must see a descriptor before the guest looks whether the device wants to be told of it.
    [Theory]
    [InlineData(FenceReadWrite, true, 1)]
    [InlineData(FenceReadWrite, false, 0)]
    [InlineData(FenceReads, true, 0)]
    public void Lift_Fence_StaysWhereStoresMustPassBeforeLoads(uint instruction, bool isOrdered, int fences)
    {
        byte[] page = new byte[4096];
        BinaryPrimitives.WriteUInt32LittleEndian(page, instruction);
        BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(4), Return);
        IrUnit unit = new Lifter(isOrdered, JitOptions.Default).Lift(page, 0, 1, default);
        Assert.Equal(fences, unit.Insts.ToArray().Count(static i => i.Op == IrOp.Fence));
    }
}
