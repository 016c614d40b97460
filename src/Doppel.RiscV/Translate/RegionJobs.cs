using Doppel.Core.Time;
using Doppel.Jit.CodeCache;
using Doppel.Jit.Ir;

namespace Doppel.RiscV.Translate;

/// <summary>
/// Compiles regions away from the hart's thread, one at a time for each hart: the hart hands over a copy of the page and goes on with the
/// quick translation until the region is ready. Thread contract: the hart's own thread; the work itself is done on the thread pool.
/// </summary>
internal sealed class RegionJobs(RegionArea area, bool shared, JitOptions options, TranslationObserver? observer) : IDisposable
{
    private const int MaxWaiting = 256, PageSize = 4096;

    private readonly RegionLifter _lifter = new(shared, options);
    private readonly Queue<Request> _waiting = [];
    private readonly byte[] _page = new byte[PageSize];
    private readonly ManualResetEventSlim _idle = new(initialState: true);
    private Request _request;
    private CompiledRegion? _result;
    private Exception? _failure;
    private bool _isUnderWay;

    /// <summary>Asks for a region. Dropped if too many are waiting: what stays hot asks again.</summary>
    /// <returns>False if it was dropped.</returns>
    internal bool TryAdd(in Request request)
    {
        if (_waiting.Count == MaxWaiting) return false;
        _waiting.Enqueue(request);
        return true;
    }

    /// <summary>Takes a region that is ready.</summary>
    /// <param name="page">The page that it belongs to.</param>
    /// <returns>The region, or null.</returns>
    internal CompiledRegion? Collect(out TranslatedPage? page)
    {
        page = null;
        if (!_isUnderWay || !_idle.IsSet) return null;
        _isUnderWay = false;
        if (_failure is not null) throw new InvalidOperationException("The optimiser failed", _failure);
        page = _request.Page;
        return _result;
    }

    /// <summary>Begins with the next region that is still wanted, if none is under way.</summary>
    /// <param name="firstLink">Number that its first jump will have.</param>
    /// <param name="copy">Copies the bytes of a page.</param>
    internal void Begin(int firstLink, Action<TranslatedPage, byte[]> copy)
    {
        while (!_isUnderWay && !area.IsFull && _waiting.TryDequeue(out _request))
        {
            if (_request.Page.Code.IsDropped || _request.Page.Code.HasRegion(_request.Offset)) continue;
            copy(_request.Page, _page);
            _isUnderWay = true;
            _idle.Reset();
            if (options.Has(JitFeatures.Background))
                ThreadPool.UnsafeQueueUserWorkItem(static job => job.Self.Compile(job.Link), (Self: this, Link: firstLink), preferLocal: false);
            else
                Compile(firstLink);
        }
    }

    /// <summary>What the last region was made of, if somebody observes.</summary>
    internal string Made { get; private set; } = "";

    /// <summary>Measures the time that the optimiser works.</summary>
    internal HostStopwatch Watch { get; } = new();

    /// <summary>Compiles a region at once.</summary>
    internal CompiledRegion? CompileNow(in Request request, ReadOnlySpan<byte> bytes, int firstLink)
    {
        if (area.IsFull) return null;
        Watch.Start();
        IrRegion ir = _lifter.Lift(bytes, request.Offset, request.Page.Mode, request.Next);
        CompiledRegion? region = area.Compile(ir, firstLink);
        Made = observer?.Describe(ir.Blocks, bytes) ?? "";
        Watch.Stop();
        return region;
    }

    /// <summary>Compiles no more than the first instructions of a region, at once and without loops. Nobody may be compiling.</summary>
    internal CompiledRegion? CompilePrefix(in Request request, ReadOnlySpan<byte> bytes, int firstLink, int instructions) =>
        area.IsFull ? null : area.Compile(_lifter.Lift(bytes, request.Offset, request.Page.Mode, request.Next, instructions), firstLink);

    /// <summary>Waits for what is under way and forgets it and everything that waits.</summary>
    internal void Cancel()
    {
        _idle.Wait();
        _isUnderWay = false;
        _result = null;
        _waiting.Clear();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Cancel();
        _idle.Dispose();
    }

    private void Compile(int firstLink)
    {
        try
        {
            _result = CompileNow(_request, _page, firstLink);
        }
        catch (InvalidOperationException e)
        {
            _failure = e;
        }
        finally
        {
            _idle.Set();
        }
    }

    /// <summary>A region that is wanted.</summary>
    /// <param name="Page">Page of its entry.</param>
    /// <param name="Offset">Offset of its entry on the page.</param>
    /// <param name="Next">First half-word and name of the page behind; zero names no page.</param>
    internal readonly record struct Request(TranslatedPage Page, int Offset, (ushort Half, ulong Page) Next);
}
