namespace Doppel.Images.Linux;

/// <summary>A module that goes into an image.</summary>
/// <param name="Name">Canonical name, with underscores.</param>
/// <param name="Path">Path of the unpacked file below the module folder.</param>
/// <param name="Elf">The unpacked file, without local labels.</param>
/// <param name="Info">What it says about itself.</param>
internal sealed record LoadedModule(string Name, string Path, byte[] Elf, KernelModule Info);
