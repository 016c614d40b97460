using Doppel.Jit.CodeCache;
using Doppel.Jit.Emit;

namespace Doppel.UnitTests.Jit;

public sealed class LinkTableTests
{
    [Fact]
    public void Add_MoreThanOnePiece_EachIsFoundByItsNumber()
    {
        LinkTable links = new();
        CodePage page = new(7);
        for (int i = 0; i < 10_000; i++) links.Add(page, i, new JumpSite(0, 0, i & 0xFFF) { QuickOnly = i % 3 == 0 });
        Assert.Equal(10_000, links.Count);
        Assert.All(Enumerable.Range(0, 10_000), i => Assert.Equal(new Link(page, i, (ushort)(i & 0xFFF), i % 3 == 0), links[i]));
    }

    [Fact]
    public void Clear_ThenAdd_BeginsAnew()
    {
        LinkTable links = new();
        for (int i = 0; i < 5000; i++) links.Add(new CodePage(1), i, default);
        links.Clear();
        Assert.Equal(0, links.Count);
        CodePage page = new(2);
        links.Add(page, 42, default);
        Assert.Equal(new Link(page, 42, 0, false), links[0]);
    }
}
