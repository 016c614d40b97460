using Doppel.RiscV.Decode;
using static Doppel.RiscV.Decode.InstructionFormat;

namespace Doppel.RiscV.Semantics;

/// <summary>Encodings and bodies of system, CSR, fence and cache-block instructions.</summary>
internal static unsafe class SystemTable
{
#pragma warning disable IDE0055 // One aligned row for each instruction.
    internal static InstructionRow[] Rows() =>
    [
        // Zihintpause, Zifencei and the fences of RV64I; PAUSE and FENCE.TSO are fences with particular operands
        new("pause",           0x0100000F, 0xFFFFFFFF, None,   &SystemSemantics.Pause),
        new("fence",           0x0000000F, 0x0000707F, I,      &SystemSemantics.Fence),
        new("fence.i",         0x0000100F, 0x0000707F, I,      &SystemSemantics.FenceI),
        // Environment (privileged manual, 3.3)
        new("ecall",           0x00000073, 0xFFFFFFFF, None,   &SystemSemantics.Ecall),
        new("ebreak",          0x00100073, 0xFFFFFFFF, None,   &SystemSemantics.Ebreak),
        new("mret",            0x30200073, 0xFFFFFFFF, None,   &SystemSemantics.Mret),
        new("sret",            0x10200073, 0xFFFFFFFF, None,   &SystemSemantics.Sret),
        new("wfi",             0x10500073, 0xFFFFFFFF, None,   &SystemSemantics.Wfi),
        // Supervisor memory management and Svinval
        new("sfence.vma",      0x12000073, 0xFE007FFF, Fence,  &SystemSemantics.SfenceVma),
        new("sinval.vma",      0x16000073, 0xFE007FFF, Fence,  &SystemSemantics.SfenceVma),
        new("sfence.w.inval",  0x18000073, 0xFFFFFFFF, None,   &SystemSemantics.SfenceInval),
        new("sfence.inval.ir", 0x18100073, 0xFFFFFFFF, None,   &SystemSemantics.SfenceInval),
        // Zicsr
        new("csrrw",           0x00001073, 0x0000707F, Zicsr,  &SystemSemantics.Csrrw),
        new("csrrs",           0x00002073, 0x0000707F, Zicsr,  &SystemSemantics.Csrrs),
        new("csrrc",           0x00003073, 0x0000707F, Zicsr,  &SystemSemantics.Csrrc),
        new("csrrwi",          0x00005073, 0x0000707F, Zicsr,  &SystemSemantics.Csrrwi),
        new("csrrsi",          0x00006073, 0x0000707F, Zicsr,  &SystemSemantics.Csrrsi),
        new("csrrci",          0x00007073, 0x0000707F, Zicsr,  &SystemSemantics.Csrrci),
        // Zicbom and Zicboz
        new("cbo.inval",       0x0000200F, 0xFFF07FFF, Fence,  &CacheBlockSemantics.CboInval),
        new("cbo.clean",       0x0010200F, 0xFFF07FFF, Fence,  &CacheBlockSemantics.CboClean),
        new("cbo.flush",       0x0020200F, 0xFFF07FFF, Fence,  &CacheBlockSemantics.CboClean),
        new("cbo.zero",        0x0040200F, 0xFFF07FFF, Fence,  &CacheBlockSemantics.CboZero),
    ];
#pragma warning restore IDE0055
}
