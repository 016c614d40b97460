using Doppel.RiscV;

namespace Doppel.Boot.Sbi;

/// <summary>The arguments of one call, read once.</summary>
internal readonly ref struct SbiCall
{
    private const int A0 = 10;

    internal SbiCall(int hart, ref RiscVState state)
    {
        Hart = hart;
        State = ref state;
        Argument0 = state.GetX(A0);
        Argument1 = state.GetX(A0 + 1);
        Argument2 = state.GetX(A0 + 2);
        Argument3 = state.GetX(A0 + 3);
        Argument4 = state.GetX(A0 + 4);
        Function = state.GetX(A0 + 6);
        Extension = state.GetX(A0 + 7);
    }

    /// <summary>Number of the calling hart.</summary>
    internal readonly int Hart;

    /// <summary>State of the calling hart.</summary>
    internal readonly ref RiscVState State;

    internal readonly ulong Argument0, Argument1, Argument2, Argument3, Argument4, Function, Extension;
}
