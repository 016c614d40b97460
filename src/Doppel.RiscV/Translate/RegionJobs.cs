using System.Runtime.ExceptionServices;
using Doppel.Core.Time;
using Doppel.Jit.CodeCache;
using Doppel.Jit.Ir;

namespace Doppel.RiscV.Translate;

/// <summary>
/// Compiles regions away from the harts' threads, a few at a time: a hart hands over copies of the pages, and all go on with the quick
/// translations until the regions are ready. Thread contract: as <see cref="MachineCode"/>; the work itself is done on the optimiser thread.
/// </summary>
internal sealed class RegionJobs(RegionArea area, (OptimiserThread Thread, bool Shared) machine, JitOptions options, TranslationObserver? observer)
    : IDisposable
{
    private const int MaxWaiting = 256, BatchSize = 16, PageSize = 4096;

    private readonly RegionLifter _lifter = new(machine.Shared, options);
    private readonly Queue<Request> _waiting = [];
    private readonly List<Request> _batch = [];
    private readonly List<Result> _results = [];
    private readonly byte[] _pages = new byte[BatchSize * PageSize];
    private readonly Lock _gate = new();
    private ExceptionDispatchInfo? _failure;
    private int _firstLink;
    private volatile bool _isUnderWay;
    private volatile bool _isReady;

    /// <summary>Asks for a region. Dropped if too many are waiting: what stays hot asks again.</summary>
    /// <returns>False if it was dropped.</returns>
    internal bool TryAdd(in Request request)
    {
        if (_waiting.Count == MaxWaiting) return false;
        _waiting.Enqueue(request);
        return true;
    }

    /// <summary>Hands over the regions that are ready, in the order in which their links are numbered.</summary>
    internal void Collect(Action<Result> take)
    {
        if (!_isUnderWay || !_isReady) return;
        _isUnderWay = false;
        _failure?.Throw();
        foreach (Result result in _results) take(result);
    }

    /// <summary>Begins with regions that are still wanted, if none are under way.</summary>
    /// <param name="firstLink">Number that the first jump will have.</param>
    /// <param name="copy">Copies the bytes of a page.</param>
    internal void Begin(int firstLink, Action<TranslatedPage, Memory<byte>> copy)
    {
        if (_isUnderWay || _waiting.Count == 0) return;
        _batch.Clear();
        while (_batch.Count < BatchSize && _waiting.TryDequeue(out Request request))
        {
            if (request.Page.Code.IsDropped || request.Page.Code.HasRegion(request.Offset)) continue;
            copy(request.Page, _pages.AsMemory(_batch.Count * PageSize, PageSize));
            _batch.Add(request);
        }
        if (_batch.Count == 0) return;
        _firstLink = firstLink;
        _isReady = false;
        _isUnderWay = true;
        if (options.Has(JitFeatures.Background)) machine.Thread.Post(CompileBatch);
        else CompileBatch();
    }

    /// <summary>Measures the time that the optimiser works.</summary>
    internal HostStopwatch Watch { get; } = new();

    /// <summary>Compiles a region at once; null if there is no room or it is too long.</summary>
    internal Result? CompileNow(in Request request, ReadOnlySpan<byte> bytes, int firstLink)
    {
        Watch.Start();
        IrRegion ir = _lifter.Lift(bytes, request.Offset, request.Page.Mode, request.Next);
        CompiledRegion? region = area.Compile(ir, firstLink);
        string text = region is null ? "" : observer?.Describe(ir.Blocks, bytes) ?? "";
        Watch.Stop();
        return region is null ? null : new Result(region, request.Page, text);
    }

    /// <summary>Compiles no more than the first instructions of a region, at once and without loops. Nobody may be compiling.</summary>
    internal CompiledRegion? CompilePrefix(in Request request, ReadOnlySpan<byte> bytes, int firstLink, int instructions) =>
        area.Compile(_lifter.Lift(bytes, request.Offset, request.Page.Mode, request.Next, instructions), firstLink);

    /// <summary>Waits for what is under way and forgets it and everything that waits.</summary>
    internal void Cancel()
    {
        _isUnderWay = false;
        lock (_gate) _waiting.Clear();
    }

    /// <inheritdoc/>
    public void Dispose() => Cancel();

    // The gate is held while anything is written to the area: whoever takes it finds the optimiser at rest, and no batch begins afterwards.
    // Work that was posted for a batch that was cancelled may do the next one: the work posted for that then finds it done, and leaves the
    // results to the hart that takes them.
    private void CompileBatch()
    {
        lock (_gate)
        {
            if (!_isUnderWay || _isReady) return;
            _results.Clear();
            try
            {
                int link = _firstLink;
                for (int i = 0; i < _batch.Count && _isUnderWay; i++)
                {
                    if (CompileNow(_batch[i], _pages.AsSpan(i * PageSize, PageSize), link) is not { } result) continue;
                    link += result.Region.Jumps.Length;
                    _results.Add(result);
                }
            }
#pragma warning disable CA1031 // A defect here ends the machine, on the thread of a hart, and not the process.
            catch (Exception e)
#pragma warning restore CA1031
            {
                _failure = ExceptionDispatchInfo.Capture(e);
            }
            _isReady = true;
        }
    }

    /// <summary>A region that is wanted.</summary>
    /// <param name="Page">Page of its entry.</param>
    /// <param name="Offset">Offset of its entry on the page.</param>
    /// <param name="Next">First half-word and name of the page behind; zero names no page.</param>
    internal readonly record struct Request(TranslatedPage Page, int Offset, (ushort Half, ulong Page) Next);

    /// <summary>A region that is ready.</summary>
    /// <param name="Region">Its code.</param>
    /// <param name="Page">The page that it belongs to, which may have been dropped meanwhile.</param>
    /// <param name="Text">What it was made of, if somebody observes.</param>
    internal sealed record Result(CompiledRegion Region, TranslatedPage Page, string Text);
}
