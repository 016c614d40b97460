using Doppel.Jit.X64;

namespace Doppel.UnitTests.Jit;

/// <summary>Small functions, run on the processor.</summary>
public sealed class AssemblerExecutionTests
{
    [Fact]
    public void ForwardAndBackwardLabels_Loop_SumsNumbers()
    {
        using AssemblerFixture f = new();
        Label top = f.Asm.NewLabel(), done = f.Asm.NewLabel();
        f.Asm.Op(Alu.Xor, false, Gpr.Rax, Gpr.Rax);
        f.Asm.Bind(top);
        f.Asm.Test(true, Gpr.Rdi, Gpr.Rdi);
        f.Asm.Jcc(Cond.E, done, isShort: true);
        f.Asm.Op(Alu.Add, true, Gpr.Rax, Gpr.Rdi);
        f.Asm.Op(Alu.Sub, true, Gpr.Rdi, 1);
        f.Asm.Jmp(top);
        f.Asm.Bind(done);
        f.Asm.Ret();
        Assert.Equal(5050UL, f.Run(100, 0));
    }

    [Fact]
    public void NearForwardLabel_OverLongCode_Reaches()
    {
        using AssemblerFixture f = new();
        Label done = f.Asm.NewLabel();
        f.Asm.Mov(true, Gpr.Rax, Gpr.Rsi);
        f.Asm.Jmp(done);
        for (int i = 0; i < 300; i++) f.Asm.Op(Alu.Add, true, Gpr.Rax, 1);
        f.Asm.Bind(done);
        f.Asm.Ret();
        Assert.Equal(7UL, f.Run(0, 7));
    }

    [Theory]
    [InlineData(0x8000_0000_0000_0000, 63, 1)]
    [InlineData(0xFF00, 8, 0xFF)]
    public void ShiftX_ByRegister_ShiftsRight(ulong value, ulong count, ulong expected)
    {
        using AssemblerFixture f = new();
        f.Asm.ShiftX(Shift.Shr, true, Gpr.Rax, Gpr.Rdi, Gpr.Rsi);
        f.Asm.Ret();
        Assert.Equal(expected, f.Run(value, count));
    }

    [Fact]
    public void Buffer_TooSmall_ReportsAndStaysInside()
    {
        using AssemblerFixture f = new();
        for (int i = 0; i < 20_000; i++) f.Asm.MovImm(Gpr.Rax, long.MaxValue);
        Assert.True(f.Asm.Overflowed);
    }
}
