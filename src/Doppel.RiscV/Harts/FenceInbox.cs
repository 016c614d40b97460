using System.Diagnostics.CodeAnalysis;

namespace Doppel.RiscV.Harts;

/// <summary>Fences that other harts have asked of one and that it has not done yet. Thread contract: all members from any thread.</summary>
internal sealed class FenceInbox
{
    // More than that are done as one that covers them all.
    private const int Most = 16;

    private readonly Lock _gate = new();
    private readonly Queue<RemoteFence> _fences = new();

    internal void Add(in RemoteFence fence)
    {
        lock (_gate)
        {
            if (_fences.Count == Most)
            {
                _fences.Clear();
                _fences.Enqueue(RemoteFence.Instructions);
                _fences.Enqueue(RemoteFence.AllTranslations);
            }
            _fences.Enqueue(fence);
        }
    }

    internal bool TryTake([NotNullWhen(true)] out RemoteFence? fence)
    {
        lock (_gate)
        {
            fence = _fences.TryDequeue(out RemoteFence next) ? next : null;
            return fence is not null;
        }
    }
}
