using Doppel.Devices.Backends.Char;

namespace Doppel.Devices.Virtio.Console;

/// <summary>One port of a console device, as the board configures it.</summary>
/// <param name="Name">Name that the guest finds it by (<c>/dev/virtio-ports/NAME</c>); empty for none.</param>
/// <param name="IsConsole">True for a terminal (<c>/dev/hvcN</c>), false for a pipe between host and guest.</param>
/// <param name="Backend">The host's end; owned by the caller.</param>
public sealed record ConsolePort(string Name, bool IsConsole, ICharBackend Backend);
