using System.Runtime.InteropServices;
using Doppel.Core.Memory;

namespace Doppel.RiscV.Mmu;

/// <summary>
/// One software TLB for loads and stores. It is direct-mapped, grows while entries push each other out often, and knows which entries are in
/// use, so that emptying it costs what it holds. Thread contract: the hart's own thread.
/// </summary>
internal sealed unsafe class DataTlb : IDisposable
{
    private const int FirstLog2 = 10, LastLog2 = 16;

    // More often than once in this many instructions is often.
    private const ulong TicksPerEviction = 1024;

    // Entries that may be in use, by number. An entry that never was since the last clearing is all ones, its page too.
    private int[] _used = new int[64];
    private int _usedCount;
    private int _log2;
    private int _evictions;
    private ulong _windowStart;

    internal DataTlb() => Allocate(FirstLog2);

    /// <summary>The entries; the address changes when the table grows.</summary>
    internal SoftTlbEntry* Entries { get; private set; }

    /// <summary>Mask of an entry's offset in bytes.</summary>
    internal ulong OffsetMask => ((1UL << _log2) - 1) << SoftTlb.EntrySizeLog2;

    /// <summary>The entry for an address; the caller fills in all of it.</summary>
    /// <param name="va">Guest-virtual address.</param>
    /// <param name="ticks">Instructions so far.</param>
    internal SoftTlbEntry* Claim(ulong va, ulong ticks)
    {
        SoftTlbEntry* entry = Entries + IndexOf(va);
        if (entry->Gpa == SoftTlb.Invalid)
        {
            NoteUsed(va);
            return entry;
        }
        ulong page = va & SoftTlb.PageMask;
        ulong tag = entry->ReadTag != SoftTlb.Invalid ? entry->ReadTag : entry->WriteTag;
        if (tag == page || tag == SoftTlb.Invalid || _log2 == LastLog2) return entry;
        return CountEviction(ticks) ? Claim(va, ticks) : entry;
    }

    /// <summary>Empties the table.</summary>
    internal void Clear()
    {
        SoftTlbEntry empty = Empty;
        for (int i = 0; i < _usedCount; i++) Entries[_used[i]] = empty;
        _usedCount = 0;
        _evictions = 0;
    }

    /// <summary>Makes one page's accesses miss.</summary>
    internal void Drop(ulong va)
    {
        SoftTlbEntry* entry = Entries + IndexOf(va);
        ulong page = va & SoftTlb.PageMask;
        if (entry->ReadTag == page || entry->WriteTag == page) entry->ReadTag = entry->WriteTag = SoftTlb.Invalid;
    }

    /// <summary>Makes stores to one physical page miss.</summary>
    internal void ForbidStores(ulong gpa)
    {
        for (int i = 0; i < _usedCount; i++)
        {
            SoftTlbEntry* entry = Entries + _used[i];
            if (entry->Gpa == gpa) entry->WriteTag = SoftTlb.Invalid;
        }
    }

    /// <summary>Makes the next store to the page of an address miss.</summary>
    internal void ForbidStoresAt(ulong va) => Entries[IndexOf(va)].WriteTag = SoftTlb.Invalid;

    /// <inheritdoc/>
    public void Dispose() => NativeMemory.AlignedFree(Entries);

    private static SoftTlbEntry Empty =>
        new() { ReadTag = SoftTlb.Invalid, WriteTag = SoftTlb.Invalid, Addend = -1, Gpa = SoftTlb.Invalid };

    private int IndexOf(ulong va) => (int)(va >> SoftTlb.PageBits) & ((1 << _log2) - 1);

    private void NoteUsed(ulong va)
    {
        if (_usedCount == _used.Length) Array.Resize(ref _used, _usedCount * 2);
        _used[_usedCount++] = IndexOf(va);
    }

    // True if the table has grown: half of it was pushed out within a short time.
    private bool CountEviction(ulong ticks)
    {
        if (_evictions == 0) _windowStart = ticks;
        if (++_evictions < 1 << (_log2 - 1)) return false;
        bool isOften = ticks - _windowStart < (ulong)_evictions * TicksPerEviction;
        _evictions = 0;
        if (isOften) Grow();
        return isOften;
    }

    private void Grow()
    {
        SoftTlbEntry* old = Entries;
        int[] used = _used.AsSpan(0, _usedCount).ToArray();
        Allocate(_log2 + 1);
        _usedCount = 0;
        foreach (int index in used)
        {
            ref SoftTlbEntry entry = ref old[index];
            ulong tag = entry.ReadTag != SoftTlb.Invalid ? entry.ReadTag : entry.WriteTag;
            if (tag == SoftTlb.Invalid) continue;
            NoteUsed(tag);
            Entries[IndexOf(tag)] = entry;
        }
        NativeMemory.AlignedFree(old);
    }

    private void Allocate(int log2)
    {
        _log2 = log2;
        nuint bytes = (nuint)sizeof(SoftTlbEntry) << log2;
        Entries = (SoftTlbEntry*)NativeMemory.AlignedAlloc(bytes, 64);
        NativeMemory.Fill(Entries, bytes, 0xFF);
    }
}
