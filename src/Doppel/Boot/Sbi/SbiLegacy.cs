using Doppel.Core.Execution;
using Doppel.RiscV;

namespace Doppel.Boot.Sbi;

/// <summary>
/// The legacy calls (SBI 2.0, chapter 5): the extension is the function, the result is in a0 alone, and a1 is preserved.
/// Thread contract: any vCPU thread.
/// </summary>
internal sealed class SbiLegacy(SbiPlatform platform)
{
    private const int A0 = 10;
    private const ulong SetTimer = 0, PutChar = 1, GetChar = 2, ClearIpi = 3, SendIpi = 4, FenceI = 5, FenceVma = 6, FenceVmaAsid = 7;

    /// <summary>Serves a call.</summary>
    public FirmwareResult Call(in SbiCall call, SbiHarts harts)
    {
        if (call.Extension > FenceVmaAsid)
        {
            platform.Power(new PowerRequest(PowerAction.PowerOff));
            return FirmwareResult.Stop;
        }
        call.State.SetX(A0, (ulong)Serve(call, harts));
        return FirmwareResult.Continue;
    }

    private long Serve(in SbiCall call, SbiHarts harts)
    {
        switch (call.Extension)
        {
            case SetTimer:
                call.State.Stimecmp = call.Argument0;
                return 0;
            case PutChar:
                platform.Console.Write((byte)call.Argument0);
                return 0;
            case GetChar:
                return platform.Console.TryRead(out byte value) ? value : -1;
            case ClearIpi:
                return TakeIpi(call);
            case SendIpi:
                return (long)ForMask(call, harts, static (h, mask) => h.Interrupt(mask, 0));
            case FenceI:
                return (long)ForMask(call, harts, static (h, mask) => h.Fence(mask, 0, RemoteFence.Instructions));
            case FenceVma or FenceVmaAsid:
                return (long)ForMask(call, harts, static (h, mask) => h.Fence(mask, 0, RemoteFence.AllTranslations));
            default:
                return (long)SbiError.NotSupported;
        }
    }

    // 5.4: clears the pending software interrupt and says whether there was one.
    private static long TakeIpi(in SbiCall call)
    {
        const ulong ssip = 2;
        ulong before = Interlocked.And(ref call.State.Mip, ~ssip);
        return (before & ssip) != 0 ? 1 : 0;
    }

    // 5.5: a0 points, in the caller's address space, to a bit vector of harts; a null pointer means all of them.
    private SbiError ForMask(in SbiCall call, SbiHarts harts, Func<SbiHarts, ulong, SbiError> action)
    {
        if (call.Argument0 == 0) return action(harts, harts.All);
        return SupervisorMemory.TryReadUInt64(platform.Memory, call.State, call.Argument0, out ulong mask)
            ? action(harts, mask) : SbiError.InvalidAddress;
    }
}
