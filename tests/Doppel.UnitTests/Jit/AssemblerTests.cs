using Doppel.Jit.X64;

namespace Doppel.UnitTests.Jit;

/// <summary>Every encoding form, decoded by Iced, over registers and addresses that need each prefix and each displacement.</summary>
public sealed class AssemblerTests
{
    private static readonly string[] s_wide =
        ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];

    private static readonly string[] s_narrow =
        ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d", "r10d", "r11d", "r12d", "r13d", "r14d", "r15d"];

    private static readonly string[] s_bytes =
        ["al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", "r8b", "r9b", "r10b", "r11b", "r12b", "r13b", "r14b", "r15b"];

    private static readonly string[] s_alu = ["add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"];

    public static TheoryData<int, int> RegisterPairs()
    {
        TheoryData<int, int> pairs = [];
        for (int a = 0; a < 16; a++)
        {
            for (int b = 0; b < 16; b++) pairs.Add(a, b);
        }
        return pairs;
    }

    [Theory]
    [MemberData(nameof(RegisterPairs))]
    public void RegisterForms_AnyRegisters_DecodeAsWritten(int a, int b)
    {
        using AssemblerFixture f = new();
        Gpr x = (Gpr)a, y = (Gpr)b;
        f.Asm.Mov(true, x, y);
        f.Asm.Mov(false, x, y);
        f.Asm.Op(Alu.Sub, true, x, y);
        f.Asm.Test(false, x, y);
        f.Asm.Imul(true, x, y);
        f.Asm.Cmov(Cond.L, true, x, y);
        f.Asm.Extend(1, true, x, y);
        f.Asm.Extend(1, false, x, y);
        f.Asm.Extend(2, true, x, y);
        f.Asm.Extend(4, true, x, y);
        f.Asm.Lzcnt(true, x, y);
        f.Asm.Tzcnt(false, x, y);
        f.Asm.Popcnt(true, x, y);
        f.Asm.BitOp(0xAB, x, y);
        f.Asm.Rorx(true, x, y, 7);
        f.Asm.ShiftX(Shift.Shl, true, x, y, Gpr.R9);
        f.Asm.ShiftX(Shift.Sar, false, x, y, Gpr.Rcx);
        f.Asm.ShiftX(Shift.Shr, true, x, Gpr.R10, y);
        f.Asm.Andn(true, x, y, Gpr.Rdi);
        string wx = s_wide[a], wy = s_wide[b], nx = s_narrow[a], ny = s_narrow[b];
        Assert.Equal(
        [
            $"mov {wx},{wy}", $"mov {nx},{ny}", $"sub {wx},{wy}", $"test {nx},{ny}", $"imul {wx},{wy}", $"cmovl {wx},{wy}",
            $"movsx {wx},{s_bytes[b]}", $"movzx {nx},{s_bytes[b]}", $"movsx {wx},{WordName(b)}", $"movsxd {wx},{ny}",
            $"lzcnt {wx},{wy}", $"tzcnt {nx},{ny}", $"popcnt {wx},{wy}", $"bts {wx},{wy}", $"rorx {wx},{wy},7",
            $"shlx {wx},{wy},r9", $"sarx {nx},{ny},ecx", $"shrx {wx},r10,{wy}", $"andn {wx},{wy},rdi",
        ], f.Disassemble());
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(4, 0)]
    [InlineData(5, 0)]
    [InlineData(12, 0)]
    [InlineData(13, 0)]
    [InlineData(5, 127)]
    [InlineData(8, -128)]
    [InlineData(12, 128)]
    [InlineData(3, 0x12345)]
    public void MemoryForms_AnyBase_DecodeAsWritten(int register, int displacement)
    {
        using AssemblerFixture f = new();
        Mem m = new((Gpr)register, displacement);
        f.Asm.Op(Alu.Add, true, Gpr.R11, m);
        f.Asm.Op(Alu.Xor, false, m, Gpr.Rbx);
        f.Asm.Op(Alu.Cmp, true, m, -5);
        f.Asm.Op(Alu.And, true, m, 0x1000);
        f.Asm.Lea(true, Gpr.Rsi, m);
        f.Asm.Load(2, false, Gpr.R8, m);
        f.Asm.Load(4, true, Gpr.Rdx, m);
        f.Asm.Store(1, m, Gpr.Rsi);
        f.Asm.Store(2, m, Gpr.R9);
        f.Asm.StoreImm(8, m, -1);
        f.Asm.Xadd(true, true, m, Gpr.Rcx);
        f.Asm.CmpXchg(false, true, m, Gpr.R10);
        f.Asm.Jmp(m);
        f.Asm.Push(m);
        f.Asm.Pop(m);
        f.Asm.Test(false, m, 0x6000);
        string at = Address(register, displacement);
        Assert.Equal(
        [
            $"add r11,[{at}]", $"xor [{at}],ebx", $"cmp qword ptr [{at}],0fffffffffffffffbh", $"and qword ptr [{at}],1000h",
            $"lea rsi,[{at}]", $"movzx r8d,word ptr [{at}]", $"movsxd rdx,[{at}]", $"mov [{at}],sil", $"mov [{at}],r9w",
            $"mov qword ptr [{at}],0ffffffffffffffffh", $"lock xadd [{at}],rcx", $"lock cmpxchg [{at}],r10d", $"jmp qword ptr [{at}]",
            $"push qword ptr [{at}]", $"pop qword ptr [{at}]", $"test dword ptr [{at}],6000h",
        ], f.Disassemble());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    public void Alu_EveryOperation_DecodesAsWritten(int op)
    {
        using AssemblerFixture f = new();
        f.Asm.Op((Alu)op, true, Gpr.Rax, Gpr.R15);
        f.Asm.Op((Alu)op, false, Gpr.R12, 0x7F);
        f.Asm.Op((Alu)op, true, Gpr.R12, 0x12345);
        f.Asm.Op((Alu)op, true, Gpr.Rdi, new Mem(Gpr.Rbp, 8, Gpr.R13, 3));
        string name = s_alu[op];
        Assert.Equal([$"{name} rax,r15", $"{name} r12d,7fh", $"{name} r12,12345h", $"{name} rdi,[rbp+r13*8+8]"], f.Disassemble());
    }

    [Fact]
    public void Constants_OfEachMagnitude_TakeTheShortestForm()
    {
        using AssemblerFixture f = new();
        f.Asm.MovImm(Gpr.Rax, 5);
        f.Asm.MovImm(Gpr.R9, uint.MaxValue);
        f.Asm.MovImm(Gpr.R9, -1);
        f.Asm.MovImm(Gpr.Rdi, 0x1_0000_0000);
        Assert.Equal(["mov eax,5", "mov r9d,0ffffffffh", "mov r9,0ffffffffffffffffh", "mov rdi,100000000h"], f.Disassemble());
    }

    [Fact]
    public void OtherForms_DecodeAsWritten()
    {
        using AssemblerFixture f = new();
        f.Asm.ShiftImm(Shift.Sar, false, Gpr.R8, 3);
        f.Asm.ShiftCl(Shift.Rol, true, Gpr.Rbx);
        f.Asm.Unary(Unary.Idiv, true, Gpr.Rcx);
        f.Asm.Unary(Unary.Neg, false, new Mem(Gpr.Rbp, 16));
        f.Asm.Cqo(true);
        f.Asm.Cqo(false);
        f.Asm.Setcc(Cond.Ae, Gpr.Rsi);
        f.Asm.Bswap(Gpr.R14);
        f.Asm.Push(Gpr.R12);
        f.Asm.PushImm(-1);
        f.Asm.Pop(Gpr.Rbx);
        f.Asm.Call(Gpr.R11);
        f.Asm.Mfence();
        f.Asm.CmpByte(new Mem(Gpr.Rbp, 4), 0);
        f.Asm.Stmxcsr(new Mem(Gpr.Rbp, 4));
        f.Asm.Ret();
        Assert.Equal(
        [
            "sar r8d,3", "rol rbx,cl", "idiv rcx", "neg dword ptr [rbp+10h]", "cqo", "cdq", "setae sil", "bswap r14", "push r12", "push 0ffffffffffffffffh", "pop rbx",
            "call r11", "mfence", "cmp byte ptr [rbp+4],0", "stmxcsr [rbp+4]", "ret",
        ], f.Disassemble());
    }

    [Theory]
    [InlineData(0, 1, 2)]
    [InlineData(8, 1, 2)]
    [InlineData(0, 9, 2)]
    [InlineData(0, 1, 10)]
    [InlineData(15, 14, 13)]
    public void VectorForms_AnyRegisters_DecodeAsWritten(int a, int b, int c)
    {
        using AssemblerFixture f = new();
        Xmm x = (Xmm)a, y = (Xmm)b, z = (Xmm)c;
        f.Asm.Scalar(VectorForms.AddOp, true, x, y, z);
        f.Asm.Scalar(VectorForms.SqrtOp, false, x, y, z);
        f.Asm.Logic(VectorForms.AndnOp, x, y, z);
        f.Asm.Fma231(0xB9, true, x, y, z);
        f.Asm.Fma231(0xBF, false, x, y, z);
        f.Asm.MoveXmm(x, z);
        f.Asm.CompareXmm(true, true, x, z);
        f.Asm.CompareXmm(false, false, x, z);
        f.Asm.ConvertPrecision(true, x, y, z);
        f.Asm.ConvertFromInt(true, true, x, y, (Gpr)c);
        f.Asm.ConvertToInt(true, false, true, (Gpr)a, z);
        f.Asm.RoundScalar(true, x, y, z, 1);
        f.Asm.RoundScalar(false, x, y, z, 2);
        f.Asm.MoveToXmm(true, x, (Gpr)c);
        f.Asm.MoveFromXmm(false, (Gpr)a, z);
        f.Asm.MoveUpperFromXmm((Gpr)a, z);
        f.Asm.MultiplyCarryless(x, y, z);
        f.Asm.LoadXmm(false, x, new Mem((Gpr)c, 64));
        f.Asm.StoreXmm(true, new Mem((Gpr)c, 64), x);
        string p = $"xmm{a}", q = $"xmm{b}", r = $"xmm{c}", at = $"[{s_wide[c]}+40h]";
        Assert.Equal(
        [
            $"vaddsd {p},{q},{r}", $"vsqrtss {p},{q},{r}", $"vandnps {p},{q},{r}", $"vfmadd231sd {p},{q},{r}", $"vfnmsub231ss {p},{q},{r}",
            $"vmovaps {p},{r}", $"vcomisd {p},{r}", $"vucomiss {p},{r}", $"vcvtsd2ss {p},{q},{r}", $"vcvtsi2sd {p},{q},{s_wide[c]}",
            $"vcvttss2si {s_wide[a]},{r}", $"vroundsd {p},{q},{r},1", $"vroundss {p},{q},{r},2", $"vmovq {p},{s_wide[c]}", $"vmovd {s_narrow[a]},{r}",
            $"vpextrq {s_wide[a]},{r},1", $"vpclmullqlqdq {p},{q},{r}", $"vmovss {p},{at}", $"vmovsd {at},{p}",
        ], f.Disassemble());
    }

    private static string WordName(int register) => register < 8 ? s_narrow[register][1..] : $"r{register}w";

    private static string Address(int register, int displacement) => displacement switch
    {
        0 => s_wide[register],
        > 0 => $"{s_wide[register]}+{Hex(displacement)}",
        _ => $"{s_wide[register]}-{Hex(-displacement)}",
    };

    private static string Hex(int value) => value < 10 ? $"{value}" : char.IsAsciiDigit($"{value:x}"[0]) ? $"{value:x}h" : $"0{value:x}h";

}
