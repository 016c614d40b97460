using Doppel.Cli.Output;
using Doppel.Host.Terminal;

namespace Doppel.Cli.Commands;

/// <summary>
/// Shows how far a copy is: a line on the terminal behind standard error, from the second moment on, that goes when the copy is done. Nothing where
/// that is no terminal. Thread contract: one owner; the line is written by a timer.
/// </summary>
internal sealed class CopyDisplay : IProgress<long>, IDisposable
{
    private const string ClearLine = "\r\u001b[K";
    private static readonly TimeSpan s_first = TimeSpan.FromSeconds(1), s_interval = TimeSpan.FromSeconds(0.25);

    private readonly Lock _gate = new();
    private readonly Timer? _timer;
    private long _bytes;
    private bool _isShown, _isOver;

    internal CopyDisplay() => _timer = HostTerminal.IsTerminal(2) ? new Timer(_ => Show(), null, s_first, s_interval) : null;

    public void Report(long value) => Volatile.Write(ref _bytes, value);

    public void Dispose()
    {
        _timer?.Dispose();
        lock (_gate)
        {
            _isOver = true;
            if (_isShown) Console.Error.Write(ClearLine);
        }
    }

    private void Show()
    {
        lock (_gate)
        {
            if (_isOver) return;
            _isShown = true;
            Console.Error.Write($"{ClearLine}doppel: {Sizes.Bytes(Volatile.Read(ref _bytes))} copied");
        }
    }
}
