using Doppel.Jit.CodeCache;
using Doppel.RiscV.Translate;

namespace Doppel.UnitTests.RiscV;

/// <summary>Regions that are compiled on the optimiser's thread while the cache is emptied.</summary>
public sealed unsafe class RegionJobsTests : IDisposable
{
    // addi a0, a0, 1; addi a0, a0, 1; ret
    private static readonly byte[] s_code = [0x13, 0x05, 0x15, 0x00, 0x13, 0x05, 0x15, 0x00, 0x67, 0x80, 0x00, 0x00];

    private readonly OptimiserThread _optimiser = new();
    private readonly TranslationCache _cache;
    private readonly RegionJobs _jobs;
    private int _linesLifted;

    public RegionJobsTests()
    {
        JitOptions options = JitOptions.Default with { Tamper = _ => _linesLifted++ };
        JitContext context;
        _cache = new TranslationCache(JitContext.DescribeLayout(&context, shared: false, options), JitOptions.MinCacheBytes);
        _jobs = new RegionJobs(_cache.Regions, (_optimiser, false), options, observer: null);
    }

    public void Dispose()
    {
        _jobs.Dispose();
        _cache.Dispose();
    }

    [Fact]
    public void Begin_AfterABatchThatWasCancelledBeforeItBegan_CompilesEachRegionOnce()
    {
        using ManualResetEventSlim busy = new(), done = new();
        _optimiser.Post(busy.Wait);
        Begin(0x8000_0000);
        _jobs.Cancel();
        Begin(0x8000_1000);
        Begin(0x8000_2000);
        _optimiser.Post(done.Set);

        busy.Set();
        done.Wait();

        // The second batch has one region of one line; the first is nobody's any more, and the third waits for its turn.
        Assert.Equal(1, _linesLifted);
        List<ulong> ready = [];
        _jobs.Collect(result => ready.Add(result.Page.Gpa));
        Assert.Equal([0x8000_1000UL], ready);
    }

    private void Begin(ulong gpa)
    {
        var page = new TranslatedPage(_cache.AddPage(gpa), gpa, mode: 2, armed: default);
        Assert.True(_jobs.TryAdd(new RegionJobs.Request(page, Offset: 0, Next: default)));
        _jobs.Begin(_cache.NextRegionLink, static (_, bytes) => s_code.CopyTo(bytes));
    }
}
