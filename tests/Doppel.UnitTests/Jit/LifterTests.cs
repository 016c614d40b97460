using System.Buffers.Binary;
using Doppel.Jit.CodeCache;
using Doppel.Jit.Ir;
using Doppel.RiscV.Translate;

namespace Doppel.UnitTests.Jit;

/// <summary>What of the lifted code no run of a program shows.</summary>
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

    [Theory]
    [InlineData(0, 3)]
    [InlineData(4, 1)]
    [InlineData(8, 2)]
    public void Lift_WhereAnotherTranslationBegins_Ends(int other, int instructions)
    {
        const uint AddOneToA0 = 0x0015_0513;
        byte[] page = new byte[4096];
        BinaryPrimitives.WriteUInt32LittleEndian(page, AddOneToA0);
        BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(4), AddOneToA0);
        BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(8), Return);
        CodePage others = new(0);
        others.AddQuick(other, 1);
        Assert.Equal(instructions, new Lifter(false, JitOptions.Default).Lift(page, 0, 1, default, others).GuestCount);
    }
}
