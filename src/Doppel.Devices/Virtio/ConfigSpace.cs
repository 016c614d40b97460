namespace Doppel.Devices.Virtio;

/// <summary>Access to a device's configuration by any offset and length.</summary>
internal static class ConfigSpace
{
    /// <summary>Reads from an image of the configuration; zero beyond its end.</summary>
    internal static void Read(ReadOnlySpan<byte> config, uint offset, Span<byte> data)
    {
        data.Clear();
        if (offset >= (uint)config.Length) return;
        ReadOnlySpan<byte> source = config[(int)offset..];
        source[..Math.Min(source.Length, data.Length)].CopyTo(data);
    }
}
