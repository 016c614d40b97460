using System.Runtime.InteropServices;
using Doppel.Jit.Allocation;
using Doppel.Jit.Regions;
using Doppel.Jit.X64;

namespace Doppel.UnitTests.Jit;

/// <summary>From any places to any others: run on the processor, no slot may lose its value.</summary>
public sealed class StateMoverTests
{
    private static readonly Gpr[] s_saved = [Gpr.Rbx, Gpr.Rbp, Gpr.R12, Gpr.R13, Gpr.R14];

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 60)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void MoveTo_AnyState_KeepsEveryValue(int seed)
    {
        Random random = new(seed);
        SlotState from = RandomState(random), to = RandomState(random);
        ulong[] context = new ulong[SlotState.Slots];
        for (int slot = 0; slot < context.Length; slot++) context[slot] = ValueOf(slot);

        ulong[] after = Run(from, to, context);

        Assert.Equal(Enumerable.Range(0, SlotState.Slots).Select(ValueOf), after);
    }

    // Loads the registers of one state, spoils what is out of date then, moves to the other, and stores its registers.
    private static ulong[] Run(SlotState from, SlotState to, ulong[] context)
    {
        using AssemblerFixture f = new();
        SlotMap map = SlotMapFixture.Create();
        StateMover mover = new(f.Asm, map);
        foreach (Gpr register in s_saved) f.Asm.Push(register);
        f.Asm.Mov(true, HomeMap.Context, Gpr.Rdi);
        f.Asm.MovImm(Gpr.Rax, unchecked((long)0xBAD0_BAD0_BAD0_BAD0));
        for (int slot = 0; slot < SlotState.Slots; slot++)
        {
            if (from.Registers[slot] >= 0) mover.Load(slot, from.Registers[slot]);
            if ((from.Dirty & SlotState.Bit(slot)) != 0) f.Asm.Store(8, map.PlaceOf(slot), Gpr.Rax);
        }
        map.Restore(from);
        mover.MoveTo(to);
        mover.StoreDirty();
        for (int i = s_saved.Length - 1; i >= 0; i--) f.Asm.Pop(s_saved[i]);
        f.Asm.Ret();
        GCHandle pin = GCHandle.Alloc(context, GCHandleType.Pinned);
        f.Run((ulong)pin.AddrOfPinnedObject(), 0);
        pin.Free();
        return context;
    }

    private static ulong ValueOf(int slot) => 0x0101_0101_0101_0101UL * (ulong)slot;

    // Some slots in registers, all different; some of them with the context out of date.
    private static SlotState RandomState(Random random)
    {
        SlotState state = new();
        Array.Fill(state.Registers, (sbyte)-1);
        int[] integers = [.. HomeMap.IntegerRegisters.ToArray().Select(static r => (int)r)];
        Place(random, state, integers, 1, SlotMapFixture.FirstFloat);
        Place(random, state, [.. Enumerable.Range((int)Xmm.X2, 14)], SlotMapFixture.FirstFloat, SlotState.Slots);
        return state;
    }

    private static void Place(Random random, SlotState state, int[] registers, int first, int end)
    {
        int[] slots = [.. Enumerable.Range(first, end - first)];
        random.Shuffle(slots);
        random.Shuffle(registers);
        int used = random.Next(registers.Length + 1);
        foreach ((int register, int slot) in registers.Zip(slots).Take(used))
        {
            state.Registers[slot] = (sbyte)register;
            state.Dirty |= SlotState.Bit(slot);
        }
    }
}
