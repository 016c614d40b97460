using Doppel.RiscV.Decode;
using static Doppel.RiscV.Decode.InstructionFormat;

namespace Doppel.RiscV.Semantics;

/// <summary>Encodings and bodies of Zba, Zbb, Zbc, Zbs and Zicond.</summary>
internal static unsafe class BitTable
{
#pragma warning disable IDE0055 // One aligned row for each instruction.
    internal static InstructionRow[] Rows() =>
    [
        // Zba
        new("add.uw",    0x0800003B, 0xFE00707F, R,      &BitSemantics.AddUw),
        new("sh1add",    0x20002033, 0xFE00707F, R,      &BitSemantics.Sh1add),
        new("sh2add",    0x20004033, 0xFE00707F, R,      &BitSemantics.Sh2add),
        new("sh3add",    0x20006033, 0xFE00707F, R,      &BitSemantics.Sh3add),
        new("sh1add.uw", 0x2000203B, 0xFE00707F, R,      &BitSemantics.Sh1addUw),
        new("sh2add.uw", 0x2000403B, 0xFE00707F, R,      &BitSemantics.Sh2addUw),
        new("sh3add.uw", 0x2000603B, 0xFE00707F, R,      &BitSemantics.Sh3addUw),
        new("slli.uw",   0x0800101B, 0xFC00707F, Shift,  &BitSemantics.SlliUw),
        // Zbb
        new("andn",      0x40007033, 0xFE00707F, R,      &BitSemantics.Andn),
        new("orn",       0x40006033, 0xFE00707F, R,      &BitSemantics.Orn),
        new("xnor",      0x40004033, 0xFE00707F, R,      &BitSemantics.Xnor),
        new("max",       0x0A006033, 0xFE00707F, R,      &BitSemantics.Max),
        new("maxu",      0x0A007033, 0xFE00707F, R,      &BitSemantics.Maxu),
        new("min",       0x0A004033, 0xFE00707F, R,      &BitSemantics.Min),
        new("minu",      0x0A005033, 0xFE00707F, R,      &BitSemantics.Minu),
        new("rol",       0x60001033, 0xFE00707F, R,      &BitSemantics.Rol),
        new("ror",       0x60005033, 0xFE00707F, R,      &BitSemantics.Ror),
        new("clz",       0x60001013, 0xFFF0707F, R,      &BitSemantics.Clz),
        new("ctz",       0x60101013, 0xFFF0707F, R,      &BitSemantics.Ctz),
        new("cpop",      0x60201013, 0xFFF0707F, R,      &BitSemantics.Cpop),
        new("clzw",      0x6000101B, 0xFFF0707F, R,      &BitSemantics.Clzw),
        new("ctzw",      0x6010101B, 0xFFF0707F, R,      &BitSemantics.Ctzw),
        new("cpopw",     0x6020101B, 0xFFF0707F, R,      &BitSemantics.Cpopw),
        new("sext.b",    0x60401013, 0xFFF0707F, R,      &BitSemantics.SextB),
        new("sext.h",    0x60501013, 0xFFF0707F, R,      &BitSemantics.SextH),
        new("zext.h",    0x0800403B, 0xFFF0707F, R,      &BitSemantics.ZextH),
        new("orc.b",     0x28705013, 0xFFF0707F, R,      &BitSemantics.OrcB),
        new("rev8",      0x6B805013, 0xFFF0707F, R,      &BitSemantics.Rev8),
        new("rori",      0x60005013, 0xFC00707F, Shift,  &BitSemantics.Rori),
        new("roriw",     0x6000501B, 0xFE00707F, Shift,  &BitSemantics.Roriw),
        new("rolw",      0x6000103B, 0xFE00707F, R,      &BitSemantics.Rolw),
        new("rorw",      0x6000503B, 0xFE00707F, R,      &BitSemantics.Rorw),
        // Zbc
        new("clmul",     0x0A001033, 0xFE00707F, R,      &BitSemantics.Clmul),
        new("clmulh",    0x0A003033, 0xFE00707F, R,      &BitSemantics.Clmulh),
        new("clmulr",    0x0A002033, 0xFE00707F, R,      &BitSemantics.Clmulr),
        // Zbs
        new("bclr",      0x48001033, 0xFE00707F, R,      &BitSemantics.Bclr),
        new("bclri",     0x48001013, 0xFC00707F, Shift,  &BitSemantics.Bclri),
        new("bext",      0x48005033, 0xFE00707F, R,      &BitSemantics.Bext),
        new("bexti",     0x48005013, 0xFC00707F, Shift,  &BitSemantics.Bexti),
        new("binv",      0x68001033, 0xFE00707F, R,      &BitSemantics.Binv),
        new("binvi",     0x68001013, 0xFC00707F, Shift,  &BitSemantics.Binvi),
        new("bset",      0x28001033, 0xFE00707F, R,      &BitSemantics.Bset),
        new("bseti",     0x28001013, 0xFC00707F, Shift,  &BitSemantics.Bseti),
        // Zicond
        new("czero.eqz", 0x0E005033, 0xFE00707F, R,      &BitSemantics.CzeroEqz),
        new("czero.nez", 0x0E007033, 0xFE00707F, R,      &BitSemantics.CzeroNez),
    ];
#pragma warning restore IDE0055
}
