namespace Doppel.Jit.CodeCache;

/// <summary>
/// The translated units of one page of guest code in one mode. Direct links never leave a page, so a page is dropped as a whole.
/// Thread contract: as <see cref="TranslationCache"/>, but <see cref="TryFind"/> and <see cref="IsDropped"/> from any thread.
/// </summary>
internal sealed class CodePage(ulong key)
{
    /// <summary>Memory of one page with a few units, in bytes.</summary>
    internal const int MetadataBytes = (HalfWords * sizeof(ushort)) + 512;

    private const int HalfWords = 2048;

    // Number of the unit that begins at each half-word, plus one: looked up at every exit that is not linked.
    private readonly ushort[] _numbers = new ushort[HalfWords];
    private readonly Dictionary<int, nint> _replaced = [];
    private nint[] _units = new nint[8];
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
        int number = Volatile.Read(ref _numbers[offset >> 1]);
        code = number == 0 ? 0 : Volatile.Read(ref _units)[number - 1];
        return number != 0;
    }

    /// <summary>Finds the quick translation for an offset on the page.</summary>
    internal bool TryFindQuick(int offset, out nint code) =>
        _replaced.TryGetValue(offset, out code) ? code != 0 : TryFind(offset, out code);

    /// <summary>True if the code for an offset is an optimised region.</summary>
    internal bool HasRegion(int offset) => _replaced.ContainsKey(offset);

    /// <summary>Adds the quick translation for an offset that has none.</summary>
    internal void AddQuick(int offset, nint code)
    {
        if (HasRegion(offset)) _replaced[offset] = code;
        else Set(offset, code);
    }

    /// <summary>Lets a region take the place of the quick translation.</summary>
    /// <returns>The latter, or zero.</returns>
    internal nint AddRegion(int offset, nint code)
    {
        nint quick = TryFind(offset, out nint found) ? found : 0;
        _replaced[offset] = quick;
        Set(offset, code);
        return quick;
    }

    private void Set(int offset, nint code)
    {
        int number = _numbers[offset >> 1];
        if (number != 0)
        {
            _units[number - 1] = code;
            return;
        }
        // Who sees the number must find the unit.
        if (_count == _units.Length) Array.Resize(ref _units, _count * 2);
        _units[_count++] = code;
        Volatile.Write(ref _numbers[offset >> 1], (ushort)_count);
    }
}
