namespace Doppel.Jit.Ir;

/// <summary>
/// Operations of the intermediate representation. Operands are slots (places of the guest's state, each with a fixed home) and constants.
/// <c>A</c> absent reads as zero; <c>B</c> absent reads as <c>Imm</c>. With <see cref="IrInst.Word"/> the operation is on 32 bits and the
/// result is sign-extended.
/// </summary>
internal enum IrOp : byte
{
    Nop,

    // Integer: Dst = A op B.
    Mov, Add, Sub, And, Or, Xor, Shl, Shr, Sar, Mul, MulHighSigned, MulHighUnsigned, MulHighSignedUnsigned,
    DivSigned, DivUnsigned, RemSigned, RemUnsigned, SetLess, SetLessUnsigned,
    AndNot, OrNot, XorNot, Min, MinUnsigned, Max, MaxUnsigned, Rol, Ror,

    /// <summary>Dst = the low half, the high half, or bits 126 to 63 of the product of A and B, both slots, without carries.</summary>
    CarrylessMul, CarrylessMulHigh, CarrylessMulReversed,

    /// <summary>Dst = A with the bit changed whose number is the low six bits of B, a slot.</summary>
    BitSet, BitClear, BitInvert,

    /// <summary>Dst = A, or zero if B, a slot, is zero; if it is not.</summary>
    ZeroIfZero, ZeroIfNotZero,

    /// <summary>Dst = (A &lt;&lt; Imm) + B, A taken as unsigned 32 bits with <see cref="IrInst.Word"/>.</summary>
    ShlAdd,

    // Integer, one operand: Dst = op A.
    LeadingZeros, TrailingZeros, PopCount, ByteSwap,

    /// <summary>Dst = A with each byte that is not zero made all ones.</summary>
    SpreadBytes,

    /// <summary>Dst = the low Size bytes of A, extended.</summary>
    Extend,

    /// <summary>Dst = (zero-extended low 32 bits of A) &lt;&lt; Imm.</summary>
    ZeroExtendShl,

    /// <summary>Dst = guest-virtual address of the code page + Imm.</summary>
    CodeAddress,

    // Memory at A + Imm, Size bytes.
    Load, Store, LoadFloat, StoreFloat,

    // Atomics at A. Dst = old value; B = operand.
    AtomicSwap, AtomicAdd, AtomicAnd, AtomicOr, AtomicXor, AtomicMin, AtomicMax, AtomicMinUnsigned, AtomicMaxUnsigned,
    LoadReserved, StoreConditional,

    /// <summary>Clears the block of Size bytes, a power of two, that holds the address A.</summary>
    ZeroBlock,

    /// <summary>Goes to the interpreter unless the flag byte at context offset Imm is set.</summary>
    FlagGuard,

    /// <summary>Goes to the interpreter unless the next page of code is the physical page Imm.</summary>
    NextPageGuard,

    /// <summary>Stores before it are seen before loads after it.</summary>
    Fence,

    /// <summary>Goes to Link (offset from the code page's start) if A and B are in the relation.</summary>
    Branch,

    /// <summary>Goes to Imm (offset from the code page's start).</summary>
    Jump,

    /// <summary>Goes to the address A + Imm; bit 0 is ignored. Dst = guest-virtual address of the code page + Link.</summary>
    JumpIndirect,

    /// <summary>Dst = guest-virtual address of the code page + Link. Goes to Imm, and a <see cref="Return"/> is expected to come back to Dst.</summary>
    Call,

    /// <summary>Like <see cref="JumpIndirect"/>, and a <see cref="Return"/> is expected to come back to Dst.</summary>
    CallIndirect,

    /// <summary>Like <see cref="JumpIndirect"/>, probably to where the last call that has not come back wants to.</summary>
    Return,

    /// <summary>Goes to the address A unless that is the code page + Link.</summary>
    ReturnGuard,

    /// <summary>Leaves generated code in front of this guest instruction: the interpreter runs it.</summary>
    Interpret,

    // Floating point; Size 4 or 8, singles are boxed (upper half all ones).
    /// <summary>Goes to the interpreter unless floating point is usable and the rounding mode is one the host knows.</summary>
    FloatGuard,

    /// <summary>Goes to the interpreter while floating-point registers may not even be read.</summary>
    FloatReadGuard,

    /// <summary>Dst = accrued flags, both those of the host's unit and those in the context; with Imm 1 the rounding mode from bit 5 on, too.</summary>
    FloatReadFlags,

    /// <summary>Accrued flags = low five bits of A, or Imm; Dst = their old value if there is one.</summary>
    FloatWriteFlags,

    /// <summary>Goes to the interpreter unless the dynamic rounding mode is Imm.</summary>
    RoundingGuard,
    FloatAdd, FloatSub, FloatMul, FloatDiv, FloatSqrt, FloatMulAdd, FloatMulSub, FloatNegMulAdd, FloatNegMulSub,
    FloatCopySign, FloatCopySignNegated, FloatXorSign, FloatMin, FloatMax, FloatEqual, FloatLess, FloatLessEqual,

    /// <summary>Dst (float, Size) = A (float of the other size).</summary>
    FloatConvert,

    /// <summary>Dst (float, Size) = A (integer of 32 bits with Word, else 64; Signed). With Imm 1 the interpreter does what is not exact.</summary>
    FloatFromInt,

    /// <summary>Dst = A (float, Size) to 32 bits with Word, else 64; Signed; rounds as Imm, an <see cref="IrRounding"/>, says.</summary>
    FloatToInt,

    /// <summary>Dst (float) = bits of A.</summary>
    FloatFromBits,

    /// <summary>Dst = bits of A (float), sign-extended from Size.</summary>
    FloatToBits,

    /// <summary>
    /// Dst = one bit that tells what A (float, Size) is, from bit 0: negative infinity, normal, subnormal, zero; positive zero, subnormal,
    /// normal, infinity; signalling NaN, quiet NaN.
    /// </summary>
    FloatClass,

    /// <summary>Dst = the 64 bits at context offset Imm, or as many bytes as Size says, zero-extended.</summary>
    ContextRead,

    /// <summary>The 64 bits at context offset Imm = A, or else Link, with the lowest Size bits clear; Dst = their old value if there is one.</summary>
    ContextWrite,

    /// <summary>Dst = what is visible of the control word.</summary>
    ControlRead,

    /// <summary>Changes the control word as Size, a <see cref="ControlChange"/>, says by A, or else Imm; Dst = what was visible of it before.</summary>
    ControlWrite,
}

/// <summary>How <see cref="IrOp.FloatToInt"/> rounds; those from <see cref="Nearest"/> on are not for signed 32 bits.</summary>
internal enum IrRounding
{
    Dynamic,
    Truncate,
    Nearest,
    Down,
    Up,
    NearestAway,
}

/// <summary>Relations of <see cref="IrOp.Branch"/>; the lowest bit negates.</summary>
internal enum IrCond : byte
{
    Equal, NotEqual, Less, GreaterOrEqual, LessUnsigned, GreaterOrEqualUnsigned,
}

/// <summary>One operation of a unit: plain data in the unit's arena.</summary>
internal struct IrInst
{
    /// <summary>Slot number that stands for "absent".</summary>
    internal const short None = -1;

    internal IrOp Op;

    /// <summary>Size of the memory access or float in bytes.</summary>
    internal byte Size;

    internal bool Signed;
    internal bool Word;
    internal IrCond Cond;
    internal short Dst, A, B, C;
    internal long Imm;

    /// <summary>Offset from the code page's start: target of a branch, return address of a call or of an indirect jump that has a destination.</summary>
    internal int Link;

    /// <summary>Offset of the guest instruction on its page, and number of guest instructions of the unit before it.</summary>
    internal ushort GuestOffset, Before;
}
