using Doppel.Devices.Backends.Char;

namespace Doppel;

/// <summary>
/// The host's end of one port of the virtio console device. Thread contract: one reader and one writer of <see cref="Stream"/> at a time,
/// the rest from any thread.
/// </summary>
public sealed class VirtualMachinePort
{
    private readonly CharChannel _channel;

    internal VirtualMachinePort(ConsolePortConfig config, CharChannel channel)
    {
        Config = config;
        _channel = channel;
    }

    /// <summary>Name in the guest.</summary>
    public string Name => Config.Name;

    /// <summary>What the port was configured as.</summary>
    public ConsolePortConfig Config { get; }

    /// <summary>
    /// Bytes to and from the guest. Writes wait while the guest does not read; reads end when the guest has closed its end, or the
    /// machine ended. Closing it gives the guest an end of file and drops its output.
    /// </summary>
    public Stream Stream => _channel.Host;

    /// <summary>Gives the guest an end of file after what was written so far; its output goes on.</summary>
    public void CompleteInput() => _channel.CompleteInput();

    internal CharChannel Channel => _channel;
}
