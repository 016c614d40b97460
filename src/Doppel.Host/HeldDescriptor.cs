using System.Runtime.InteropServices;

namespace Doppel.Host;

/// <summary>
/// A file descriptor that stays open until this is disposed, whoever closes its handle meanwhile. Thread contract: one thread; any number at once.
/// </summary>
internal readonly ref struct HeldDescriptor : IDisposable
{
    private readonly SafeHandle _handle;

    /// <summary>Holds the descriptor of a handle open.</summary>
    /// <exception cref="ObjectDisposedException">It is closed already.</exception>
    internal HeldDescriptor(SafeHandle handle)
    {
        _handle = handle;
        bool held = false;
        handle.DangerousAddRef(ref held);
        Value = (int)handle.DangerousGetHandle();
    }

    /// <summary>The descriptor.</summary>
    internal int Value { get; }

    public void Dispose() => _handle.DangerousRelease();
}
