using System.Globalization;

namespace Doppel.Cli.Running;

/// <summary>
/// What the guest's init says to the host, one line each: <c>init</c> when it begins, <c>exit N</c> when the command has ended.
/// Thread contract: one reader; the properties from any thread once the machine has ended.
/// </summary>
internal sealed class ControlLine
{
    private const int LongestLine = 256;

    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends when the guest's init has begun.</summary>
    internal Task Begun => _begun.Task;

    internal bool InitBegan => _begun.Task.IsCompleted;

    /// <summary>The command's status, or null if the guest has not reported one.</summary>
    internal int? Status { get; private set; }

    internal async Task ReadAsync(Stream port)
    {
        List<byte> line = [];
        byte[] buffer = new byte[LongestLine];
        for (int count; (count = await port.ReadAsync(buffer)) > 0;)
        {
            foreach (byte b in buffer.AsSpan(0, count))
            {
                if (b == '\n')
                {
                    Take(System.Text.Encoding.ASCII.GetString([.. line]));
                    line.Clear();
                }
                else if (line.Count < LongestLine)
                {
                    line.Add(b);
                }
            }
        }
    }

    // A line that means nothing is no reason to stop: the guest may be newer, or hostile.
    private void Take(string line)
    {
        if (line == "init") _begun.TrySetResult();
        bool exit = line.StartsWith("exit ", StringComparison.Ordinal);
        if (exit && byte.TryParse(line.AsSpan("exit ".Length), NumberStyles.None, CultureInfo.InvariantCulture, out byte status)) Status = status;
    }
}
