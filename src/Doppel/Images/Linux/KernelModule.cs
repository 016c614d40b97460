using System.Text;

namespace Doppel.Images.Linux;

/// <summary>What a loadable kernel module says about itself in its <c>.modinfo</c> section.</summary>
/// <param name="Depends">Names of the modules that must be loaded before.</param>
/// <param name="Aliases">Patterns of devices and functions it serves.</param>
internal sealed record KernelModule(IReadOnlyList<string> Depends, IReadOnlyList<string> Aliases)
{
    /// <summary>Reads the section.</summary>
    /// <exception cref="InvalidDataException">The file is no module or damaged.</exception>
    public static KernelModule Parse(ReadOnlySpan<byte> elf)
    {
        ElfObject.Section info = ElfObject.Parse(elf).Find(".modinfo") ?? throw ElfObject.Damaged("no .modinfo section");
        var depends = new List<string>();
        var aliases = new List<string>();
        foreach (string entry in Encoding.UTF8.GetString(info.Content).Split('\0', StringSplitOptions.RemoveEmptyEntries))
        {
            if (entry.Split('=', 2) is not [var key, var value]) continue;
            if (key == "depends") depends.AddRange(value.Split(',', StringSplitOptions.RemoveEmptyEntries));
            else if (key == "alias") aliases.Add(value);
        }
        return new KernelModule(depends, aliases);
    }
}
