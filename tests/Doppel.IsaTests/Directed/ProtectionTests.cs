using Doppel.IsaTests.Harts;
using Doppel.RiscV;

namespace Doppel.IsaTests.Directed;

/// <summary>Physical memory protection: matching, rights, priority, locking (privileged manual, 3.7).</summary>
public sealed class ProtectionTests
{
    private const byte R = 1, W = 2, X = 4, Tor = 1 << 3, Na4 = 2 << 3, Napot = 3 << 3, Lock = 1 << 7;
    private const ulong Data = BareHart.Data, Mprv = 1 << 17;
    private const ulong Fetch = 1, Load = 5, Store = 7;

    public static TheoryData<string> EngineNames => Engines.Names;

    // Regions (configuration, pmpaddr) from number 0, address, whether an eight-byte load from it passes. Everything else is open by region 15.
    private static readonly ((byte Config, ulong Address)[] Regions, ulong Address, bool Passes)[] s_matches =
    [
        // NAPOT of 8 bytes, of 4 KiB, of everything
        ([(Napot, Data >> 2)], Data, false), ([(Napot, Data >> 2)], Data + 8, true), ([(Napot, Data >> 2)], Data - 8, true),
        ([(Napot, Data >> 2 | 0x1FF)], Data + 0xFF8, false), ([(Napot, Data >> 2 | 0x1FF)], Data + 0x1000, true), ([(Napot | R, ulong.MaxValue >> 10)], Data, true),
        // NA4 matches half of the load: it fails whatever the rights are
        ([(Na4, Data >> 2)], Data, false), ([(Na4 | R | W | X, Data >> 2)], Data, false), ([(Na4, Data >> 2)], Data + 8, true),
        // TOR: from the address below, first byte in, last byte out
        ([(0, Data >> 2), (Tor, (Data + 64) >> 2)], Data, false), ([(0, Data >> 2), (Tor, (Data + 64) >> 2)], Data + 56, false),
        ([(0, Data >> 2), (Tor, (Data + 64) >> 2)], Data + 64, true), ([(0, Data >> 2), (Tor, (Data + 64) >> 2)], Data - 8, true), ([(0, Data >> 2), (Tor, (Data + 64) >> 2)], Data + 60, false),
        // TOR of region 0 begins at zero; an empty range matches nothing
        ([(Tor, (Data + 8) >> 2)], Data, false), ([(0, (Data + 64) >> 2), (Tor, Data >> 2)], Data + 8, true),
        // The lowest number wins
        ([(Napot | R, Data >> 2), (Napot, Data >> 2 | 0x1FF)], Data, true), ([(Napot, Data >> 2), (Napot | R, Data >> 2 | 0x1FF)], Data, false), ([(Napot, Data >> 2), (Napot | R, Data >> 2 | 0x1FF)], Data + 8, true),
        // OFF matches nothing
        ([(R, Data >> 2)], Data, true),
    ];

    public static TheoryData<string, int> Matches => Engines.With(s_matches.Length);

    [Theory]
    [MemberData(nameof(Matches))]
    public void Region_Matches_ByItsMode(string engine, int row)
    {
        ((byte Config, ulong Address)[] regions, ulong address, bool passes) = s_matches[row];
        using var hart = new BareHart(engine) { Mode = PrivilegeMode.Supervisor, ["a1"] = address };
        for (int i = 0; i < regions.Length; i++) hart.State.SetPmp(i, regions[i].Config, regions[i].Address);
        // Code and handlers must stay reachable where a region covers them.
        hart.State.SetPmp(14, R | W | X | Napot, ulong.MaxValue >> 10);
        hart.Place(BareHart.Ram, "ld a0, 0(a1); j 0");
        hart.Mode = PrivilegeMode.Machine;
        hart.State.Mstatus |= Mprv | (1UL << 11);

        hart.Run(ticks: 1);

        Assert.Equal(passes ? 0 : Load, hart.State.Mcause);
        Assert.Equal(passes ? 0 : address, hart.State.Mtval);
    }

    // Configuration, mode, whether load, store and fetch pass.
    private static readonly (byte Config, PrivilegeMode Mode, bool Load, bool Store, bool Fetch)[] s_rights =
    [
        (Napot, PrivilegeMode.Supervisor, false, false, false), (Napot | R, PrivilegeMode.Supervisor, true, false, false), (Napot | R | W, PrivilegeMode.Supervisor, true, true, false),
        (Napot | X, PrivilegeMode.Supervisor, false, false, true), (Napot | R | X, PrivilegeMode.User, true, false, true), (Napot | R | W | X, PrivilegeMode.User, true, true, true),
        // M-mode is bound by locked regions only
        (Napot, PrivilegeMode.Machine, true, true, true), (Napot | Lock, PrivilegeMode.Machine, false, false, false), (Napot | Lock | R, PrivilegeMode.Machine, true, false, false),
        (Napot | Lock | X, PrivilegeMode.Machine, false, false, true), (Napot | Lock | R | W | X, PrivilegeMode.Machine, true, true, true),
    ];

    public static TheoryData<string, int> Rights => Engines.With(s_rights.Length);

    [Theory]
    [MemberData(nameof(Rights))]
    public void Region_WithRights_AllowsThem(string engine, int row)
    {
        (byte config, PrivilegeMode mode, bool load, bool store, bool fetch) = s_rights[row];
        foreach ((string code, bool passes, ulong cause) in new[] { ("ld a0, 0(a1)", load, Load), ("sd a0, 0(a1)", store, Store), ("amoadd.d a0, a0, (a1)", load && store, Store), ("jr a1", fetch, Fetch), ("lr.d a0, (a1)", load, Load) })
        {
            using var hart = new BareHart(engine) { Mode = mode, ["a1"] = Data };
            hart.State.SetPmp(3, config, Data >> 2 | 0x1FF);
            hart.Place(Data, "j 0");
            hart.Place(BareHart.Ram, $"{code}; j 0");
            hart.Run(ticks: 2);
            Assert.Equal((code, passes ? 0 : cause, passes ? 0 : Data), (code, hart.State.Mcause, hart.State.Mtval));
        }
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void NoMatchingRegion_FailsBelowMachineMode(string engine)
    {
        foreach ((PrivilegeMode mode, ulong cause) in new[] { (PrivilegeMode.Machine, 0UL), (PrivilegeMode.Supervisor, Fetch), (PrivilegeMode.User, Fetch) })
        {
            using var hart = new BareHart(engine) { Mode = mode };
            hart.State.SetPmp(15, 0, 0);
            hart.Run("nop", 1);
            Assert.Equal((mode, cause), (mode, hart.State.Mcause));
        }
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void PageTable_InForbiddenMemory_IsAnAccessFault(string engine)
    {
        using var hart = new BareHart(engine) { Mode = PrivilegeMode.Supervisor };
        new PageTables(hart, 8).MapRam();
        hart.State.SetPmp(0, Napot, BareHart.Tables >> 2 | 0x1FF);
        hart.Run("nop", 1);
        hart.AssertMachineTrap(Fetch, BareHart.Ram, BareHart.Ram);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Region_SetByInstruction_BindsTheNextAccessDespiteTlb(string engine)
    {
        using var hart = new BareHart(engine) { ["a1"] = Data, ["a2"] = Data >> 2 | 0x1FF, ["a3"] = Napot | Lock };
        IReadOnlyDictionary<string, ulong> labels = hart.Place(BareHart.Ram, "ld a0, 0(a1); ld a0, 0(a1); csrw pmpaddr0, a2; csrw pmpcfg0, a3; last: ld a0, 0(a1)");
        hart.Run(ticks: 5);
        hart.AssertMachineTrap(Load, labels["last"], Data);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Mprv_WithLowerMpp_IsBoundLikeThatMode(string engine)
    {
        using var hart = new BareHart(engine) { ["a1"] = Data };
        hart.State.SetPmp(0, Napot, Data >> 2 | 0x1FF);
        hart.Run("ld a0, 0(a1)");
        Assert.Equal(0UL, hart.State.Mcause);
        hart.State.Mstatus |= Mprv; // MPP is U
        hart.Run("ld a0, 0(a1)");
        hart.AssertMachineTrap(Load, BareHart.Ram, Data);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void CodeInAPageThatARegionSplits_RunsUpToTheBorder(string engine)
    {
        using var hart = new BareHart(engine) { Mode = PrivilegeMode.User };
        hart.State.SetPmp(0, Napot, (BareHart.Ram + 16) >> 2); // eight bytes without any right
        hart.Run("addi a0, a0, 1; addi a0, a0, 1; addi a0, a0, 1; addi a0, a0, 1; nop", 5);
        hart.AssertMachineTrap(Fetch, BareHart.Ram + 16, BareHart.Ram + 16);
        Assert.Equal(4UL, hart["a0"]);
    }
}
