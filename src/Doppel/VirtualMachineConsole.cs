using System.Text;
using Doppel.Consoles;
using Doppel.Devices.Backends.Char;

namespace Doppel;

/// <summary>
/// The machine's main console: its serial port. Thread contract: all members from any thread; <see cref="ExpectAsync"/> calls take the
/// output in turns, so use one at a time.
/// </summary>
public sealed class VirtualMachineConsole
{
    private const int TranscriptCharacters = 1 << 20;
    private const int TailCharacters = 400;
    private const int EarlyBytes = 1 << 20;

    private readonly Lock _gate = new();
    private readonly Lock _handlerGate = new();
    private readonly Transcript _transcript = new(TranscriptCharacters);
    private readonly CharChannel _channel;
    private readonly BootMilestones _milestones;
    private TaskCompletionSource _changed = CreateSource();
    private Action<ReadOnlyMemory<byte>>? _handlers;
    private MemoryStream? _early = new();
    private long _expected;
    private bool _ended;

    internal VirtualMachineConsole(CharChannel channel, BootMilestones milestones)
    {
        _channel = channel;
        _milestones = milestones;
        Pump = Task.Run(PumpAsync);
    }

    /// <summary>
    /// Raised with each piece of output, in order, on a thread of the pool. The bytes are valid only during the call. A handler that takes
    /// long holds the guest's output up; one that throws is not called again. The first handler is given, while it is added, what the guest
    /// printed before (at most the first million bytes of it), so that none of a quick guest's output is lost.
    /// </summary>
    public event Action<ReadOnlyMemory<byte>>? OutputReceived
    {
        add
        {
            lock (_handlerGate)
            {
                if (value is not null && _early is { Length: > 0 } early) value(early.ToArray());
                _early = null;
                _handlers += value;
            }
        }

        remove
        {
            lock (_handlerGate) _handlers -= value;
        }
    }

    /// <summary>Output so far as text, at least the last million characters of it.</summary>
    public string Output
    {
        get
        {
            lock (_gate) return _transcript.From(0);
        }
    }

    /// <summary>Completes when all output of an ended machine was seen.</summary>
    internal Task Pump { get; }

    /// <summary>Waits until the guest prints a text, behind the place where the previous call found its own.</summary>
    /// <param name="text">Text to wait for, compared exactly.</param>
    /// <param name="timeout">Longest wait in host time.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The output from where the previous call ended up to the end of the text.</returns>
    /// <exception cref="TimeoutException">The text did not come in time; the message shows the last output.</exception>
    /// <exception cref="VirtualMachineException">The machine ended before.</exception>
    public async Task<string> ExpectAsync(string text, TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(text);
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(timeout);
        long from = 0;
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                // What was searched before needs no second look, but for a text that is only half there.
                from = Math.Max(from, Math.Max(_expected, _transcript.Start));
                int at = _transcript.From(from).IndexOf(text, StringComparison.Ordinal);
                if (at >= 0) return Take(from + at + text.Length);
                if (_ended) throw new VirtualMachineException($"The machine ended before it printed '{text}'; its last output: {Tail(_transcript.From(_expected))}");
                from = Math.Max(from, _transcript.End - text.Length + 1);
                changed = _changed.Task;
            }
            try
            {
                await changed.WaitAsync(limit.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new TimeoutException($"The guest did not print '{text}' within {timeout.TotalSeconds} s; its last output: {Tail(Output)}");
            }
        }
    }

    /// <summary>Types a line and Enter.</summary>
    public Task WriteLineAsync(string line, CancellationToken cancellationToken = default) => WriteAsync(line + "\n", cancellationToken);

    /// <summary>Types a text.</summary>
    public Task WriteAsync(string text, CancellationToken cancellationToken = default) =>
        WriteAsync(Encoding.UTF8.GetBytes(text), cancellationToken).AsTask();

    /// <summary>Sends bytes; waits while the guest does not take its input.</summary>
    public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken = default) =>
        _channel.Host.WriteAsync(bytes, cancellationToken);

    private static TaskCompletionSource CreateSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static string Tail(string output) => output.Length <= TailCharacters ? output : "…" + output[^TailCharacters..];

    private string Take(long end)
    {
        long start = Math.Max(_expected, _transcript.Start);
        _expected = end;
        return _transcript.From(start)[..(int)(end - start)];
    }

    private async Task PumpAsync()
    {
        byte[] buffer = new byte[16 << 10];
        while (true)
        {
            int count = await _channel.Host.ReadAsync(buffer).ConfigureAwait(false);
            Publish(buffer.AsMemory(0, count), ended: count == 0);
            if (count == 0) return;
        }
    }

    private void Publish(ReadOnlyMemory<byte> output, bool ended)
    {
        _milestones.Observe(output.Span);
        TaskCompletionSource changed;
        lock (_gate)
        {
            _transcript.Append(output.Span);
            _ended = ended;
            changed = _changed;
            _changed = CreateSource();
        }
        changed.SetResult();
        lock (_handlerGate)
        {
            if (_early is { Length: < EarlyBytes } early) early.Write(output.Span);
            foreach (Action<ReadOnlyMemory<byte>> handler in Delegate.EnumerateInvocationList(_handlers)) Notify(handler, output);
        }
    }

    private void Notify(Action<ReadOnlyMemory<byte>> handler, ReadOnlyMemory<byte> output)
    {
        try
        {
            if (!output.IsEmpty) handler(output);
        }
        catch (Exception)
        {
            // The handler is the caller's code: what it throws must not silence the console for everybody else.
            _handlers -= handler;
        }
    }
}
