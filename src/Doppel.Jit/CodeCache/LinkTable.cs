using System.Runtime.CompilerServices;
using Doppel.Jit.Emit;

namespace Doppel.Jit.CodeCache;

/// <summary>A jump that can be linked, and where it wants to go.</summary>
/// <param name="Page">Page of the jump and of its target.</param>
/// <param name="Site">Offset of the jump's distance in the cache.</param>
/// <param name="Offset">Offset of the target on the page.</param>
/// <param name="QuickOnly">True if only the quick translation of the target will do.</param>
internal readonly record struct Link(CodePage Page, int Site, ushort Offset, bool QuickOnly);

/// <summary>
/// The links of a code cache by number. They come by the hundred thousand and go all at once, so they lie in pieces that neither move when there
/// are more nor are given up when there are none. Thread contract: as <see cref="TranslationCache"/>.
/// </summary>
internal sealed class LinkTable
{
    // A piece stays below what the collector calls a large object, which it would reclaim late.
    private const int PieceBits = 12, PieceLength = 1 << PieceBits;

    private readonly List<Link[]> _pieces = [];

    /// <summary>Memory of one link.</summary>
    internal static int LinkBytes => Unsafe.SizeOf<Link>();

    internal int Count { get; private set; }

    internal ref readonly Link this[int number] => ref _pieces[number >> PieceBits][number & (PieceLength - 1)];

    internal void Add(CodePage page, int site, in JumpSite jump)
    {
        if (Count >> PieceBits == _pieces.Count) _pieces.Add(new Link[PieceLength]);
        _pieces[Count >> PieceBits][Count & (PieceLength - 1)] = new Link(page, site, (ushort)jump.Target, jump.QuickOnly);
        Count++;
    }

    /// <summary>Forgets all links, and the pages that they name.</summary>
    internal void Clear()
    {
        foreach (Link[] piece in _pieces) Array.Clear(piece);
        Count = 0;
    }
}
