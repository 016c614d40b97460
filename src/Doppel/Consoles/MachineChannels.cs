using Doppel.Devices.Backends.Char;

namespace Doppel.Consoles;

/// <summary>The character back ends of one machine, for as long as the machine lives. Thread contract: immutable.</summary>
internal sealed class MachineChannels : IDisposable
{
    /// <summary>Opens files and sockets.</summary>
    /// <exception cref="VirtualMachineException">A file or socket cannot be opened.</exception>
    public MachineChannels(VirtualMachineConfig config)
    {
        Serial = Connect(config.Serial, Console);
        Ports = config.ConsolePorts.ToDictionary(static p => p.Name, static p => new VirtualMachinePort(p, new CharChannel()), StringComparer.Ordinal);
    }

    /// <summary>What the library itself reads of the serial port.</summary>
    public CharChannel Console { get; } = new();

    /// <summary>The other end of the guest's serial line.</summary>
    public ICharBackend Serial { get; }

    /// <summary>Ports of the console device by name.</summary>
    public IReadOnlyDictionary<string, VirtualMachinePort> Ports { get; }

    /// <summary>Ends all channels from the guest's side: readers get what is left and then the end.</summary>
    public void Dispose()
    {
        Serial.Dispose();
        foreach (VirtualMachinePort port in Ports.Values) port.Channel.Dispose();
    }

    private static ICharBackend Connect(SerialConfig serial, CharChannel console)
    {
        try
        {
            return serial.Kind switch
            {
                SerialKind.File => new SerialTee(StreamCharBackend.ToFile(serial.Path!), console),
                SerialKind.Socket => new SerialTee(new SocketCharBackend(serial.Path!), console),
                _ => console,
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or System.Net.Sockets.SocketException)
        {
            throw new VirtualMachineException($"--serial {serial.Path}: {e.Message}", e);
        }
    }
}
