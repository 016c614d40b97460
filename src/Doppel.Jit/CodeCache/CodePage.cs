namespace Doppel.Jit.CodeCache;

/// <summary>
/// The translated units of one page of guest code in one mode. Direct links never leave a page, so a page is dropped as a whole.
/// Thread contract: as <see cref="TranslationCache"/>, but <see cref="TryFind"/> and <see cref="IsDropped"/> from any thread.
/// </summary>
internal sealed class CodePage(ulong key)
{
    /// <summary>Memory of one page with some units, in bytes.</summary>
    internal const int MetadataBytes = (32 * (sizeof(ushort) + sizeof(long))) + 192;

    // Most pages never have a region.
    private Dictionary<int, nint>? _replaced;
    private Table _units = new(8);
    private int _count;
    private bool _isDropped;

    /// <summary>What the guest side knows the page by.</summary>
    internal ulong Key { get; } = key;

    /// <summary>True once its code must not be entered or linked any more.</summary>
    internal bool IsDropped
    {
        get => Volatile.Read(ref _isDropped);
        set => Volatile.Write(ref _isDropped, value);
    }

    /// <summary>Finds the best code for an offset on the page.</summary>
    internal bool TryFind(int offset, out nint code)
    {
        code = Volatile.Read(ref _units).Find(offset);
        return code != 0;
    }

    /// <summary>Finds the quick translation for an offset on the page.</summary>
    internal bool TryFindQuick(int offset, out nint code) =>
        _replaced is not null && _replaced.TryGetValue(offset, out code) ? code != 0 : TryFind(offset, out code);

    /// <summary>True if the code for an offset is an optimised region.</summary>
    internal bool HasRegion(int offset) => _replaced is not null && _replaced.ContainsKey(offset);

    /// <summary>Adds the quick translation for an offset that has none.</summary>
    internal void AddQuick(int offset, nint code)
    {
        if (HasRegion(offset)) _replaced![offset] = code;
        else Set(offset, code);
    }

    /// <summary>Lets a region take the place of the quick translation.</summary>
    /// <returns>The latter, or zero.</returns>
    internal nint AddRegion(int offset, nint code)
    {
        nint quick = TryFind(offset, out nint found) ? found : 0;
        (_replaced ??= [])[offset] = quick;
        Set(offset, code);
        return quick;
    }

    private void Set(int offset, nint code)
    {
        // At three quarters, so that a search for what is not there ends soon. Readers go on with the table they have.
        if (4 * (_count + 1) > 3 * _units.Capacity) Volatile.Write(ref _units, _units.Grow());
        if (_units.Set(offset, code)) _count++;
    }

    // Open addressing: a page has a few dozen units as a rule, and is looked into at every exit that is not linked.
    private sealed class Table(int capacity)
    {
        private readonly ushort[] _keys = new ushort[capacity];
        private readonly nint[] _codes = new nint[capacity];

        internal int Capacity => _keys.Length;

        internal nint Find(int offset)
        {
            int slot = SlotOf(KeyOf(offset), out bool found);
            return found ? Volatile.Read(ref _codes[slot]) : 0;
        }

        /// <summary>Adds or replaces a unit. True if it was added.</summary>
        internal bool Set(int offset, nint code)
        {
            ushort key = KeyOf(offset);
            int slot = SlotOf(key, out bool found);
            Volatile.Write(ref _codes[slot], code);
            // Who sees the key must find the code.
            if (!found) Volatile.Write(ref _keys[slot], key);
            return !found;
        }

        internal Table Grow()
        {
            Table larger = new(2 * Capacity);
            for (int i = 0; i < _keys.Length; i++)
            {
                if (_keys[i] != 0) larger.Set((_keys[i] - 1) << 1, _codes[i]);
            }
            return larger;
        }

        // Zero marks an empty slot.
        private static ushort KeyOf(int offset) => (ushort)((offset >> 1) + 1);

        private int SlotOf(ushort key, out bool found)
        {
            // Neighbours are spread by a multiplication (Fibonacci hashing, 16 bits).
            int slot = (ushort)(key * 40503) & (_keys.Length - 1);
            while (true)
            {
                ushort there = Volatile.Read(ref _keys[slot]);
                found = there == key;
                if (found || there == 0) return slot;
                slot = (slot + 1) & (_keys.Length - 1);
            }
        }
    }
}
