using System.Threading.Channels;
using Doppel.Cli.Output;

namespace Doppel.Cli.Running;

/// <summary>
/// Prints what a machine has to say for itself (a disk fails, a driver in the guest breaks the rules) on standard error. Whoever says it does
/// not wait for a terminal that takes nothing: what is too much is dropped.
/// </summary>
internal sealed class MachineMessages : IAsyncDisposable
{
    private const int MostWaiting = 100;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    private readonly Channel<string> _lines =
        Channel.CreateBounded<string>(new BoundedChannelOptions(MostWaiting) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly Task _printing;

    /// <summary>Begins to print.</summary>
    /// <param name="isRaw">True if the terminal does not go back to the first column by itself.</param>
    internal MachineMessages(bool isRaw) => _printing = Task.Run(() => PrintAsync(isRaw ? "\r\n" : "\n"));

    /// <summary>Takes one line, from any thread.</summary>
    internal void Add(string line) => _lines.Writer.TryWrite(line);

    /// <summary>Waits a moment for what is not printed yet.</summary>
    public async ValueTask DisposeAsync()
    {
        _lines.Writer.Complete();
        await Task.WhenAny(_printing, Task.Delay(s_patience));
    }

    private async Task PrintAsync(string lineEnd)
    {
        await foreach (string line in _lines.Reader.ReadAllAsync()) await Console.Error.WriteAsync($"doppel: {Printable.Of(line)}{lineEnd}");
    }
}
