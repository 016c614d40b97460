using System.IO.Compression;
using System.Text;
using Doppel.Images.Archives;

namespace Doppel.Images.Linux;

/// <summary>
/// The modules of one kernel: picks those that a list of wanted modules needs, in load order, and writes the tables that modprobe reads.
/// A Debian kernel package has no modules.dep (its installation makes it), so the dependencies are taken from the modules themselves.
/// Thread contract: one thread at a time.
/// </summary>
internal sealed class ModuleTree
{
    private const int MaximumModuleLength = 64 << 20;
    private readonly Dictionary<string, (string Path, byte[] Packed)> _files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, LoadedModule> _loaded = new(StringComparer.Ordinal);
    private readonly HashSet<string> _builtin;

    /// <summary>Creates a tree with no loadable module.</summary>
    /// <param name="builtinList">Text of modules.builtin: paths, one a line.</param>
    public ModuleTree(string builtinList)
    {
        _builtin = [.. builtinList.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(NameOf)];
    }

    /// <summary>Adds a module file as it is shipped.</summary>
    /// <param name="path">Path below the module folder, such as <c>kernel/fs/ext4/ext4.ko.xz</c>.</param>
    /// <param name="packed">Its bytes, packed or not.</param>
    public void Add(string path, byte[] packed) => _files[NameOf(path)] = (path, packed);

    /// <summary>The wanted modules and all they depend on, each after its dependencies. Built-in ones are left out.</summary>
    /// <exception cref="InvalidDataException">A module is missing or damaged.</exception>
    public IReadOnlyList<LoadedModule> Closure(IEnumerable<string> wanted)
    {
        var order = new List<LoadedModule>();
        var state = new Dictionary<string, bool>(StringComparer.Ordinal);
        foreach (string name in wanted) Visit(Canonical(name), "the image", order, state);
        return order;
    }

    /// <summary>Text of modules.dep: a module, then all it needs, nearest first (the order in which they are unloaded).</summary>
    public static string DependencyTable(IReadOnlyList<LoadedModule> modules)
    {
        var byName = modules.ToDictionary(module => module.Name, StringComparer.Ordinal);
        var text = new StringBuilder();
        foreach (LoadedModule module in modules)
        {
            IEnumerable<string> needed = modules.Where(other => Needs(module, other.Name, byName)).Reverse().Select(other => other.Path);
            text.Append(module.Path).Append(':').Append(string.Concat(needed.Select(path => ' ' + path))).Append('\n');
        }
        return text.ToString();
    }

    /// <summary>Text of modules.alias.</summary>
    public static string AliasTable(IReadOnlyList<LoadedModule> modules) => string.Concat(modules.SelectMany(module =>
        module.Info.Aliases.Where(alias => !alias.Contains(' ', StringComparison.Ordinal)).Select(alias => $"alias {alias} {module.Name}\n")));

    /// <summary>Name of the module in a file: without folder and endings, with underscores.</summary>
    public static string NameOf(string path)
    {
        string file = path[(path.LastIndexOf('/') + 1)..];
        int end = file.IndexOf(".ko", StringComparison.Ordinal);
        return Canonical(end < 0 ? file : file[..end]);
    }

    private static string Canonical(string name) => name.Replace('-', '_');

    private static bool Needs(LoadedModule module, string name, Dictionary<string, LoadedModule> byName) =>
        module.Info.Depends.Select(Canonical).Any(d => d == name || (byName.TryGetValue(d, out LoadedModule? next) && Needs(next, name, byName)));

    private void Visit(string name, string wantedBy, List<LoadedModule> order, Dictionary<string, bool> state)
    {
        if (_builtin.Contains(name)) return;
        if (state.TryGetValue(name, out bool done))
        {
            if (!done) throw new InvalidDataException($"kernel module {name} depends on itself");
            return;
        }
        state[name] = false;
        LoadedModule module = Load(name, wantedBy);
        foreach (string dependency in module.Info.Depends) Visit(Canonical(dependency), name, order, state);
        order.Add(module);
        state[name] = true;
    }

    private LoadedModule Load(string name, string wantedBy)
    {
        if (_loaded.TryGetValue(name, out LoadedModule? module)) return module;
        if (!_files.TryGetValue(name, out (string Path, byte[] Packed) file))
            throw new InvalidDataException($"the kernel has no module {name}, which {wantedBy} needs");
        byte[] elf = Unpack(file.Path, file.Packed);
        string path = file.Path[..(file.Path.IndexOf(".ko", StringComparison.Ordinal) + 3)];
        module = new LoadedModule(name, path, LocalLabels.Discard(elf), KernelModule.Parse(elf));
        _loaded.Add(name, module);
        return module;
    }

    private static byte[] Unpack(string path, byte[] packed)
    {
        if (path.EndsWith(".xz", StringComparison.Ordinal)) return XzDecoder.Decode(packed, MaximumModuleLength);
        if (!path.EndsWith(".gz", StringComparison.Ordinal)) return packed;
        using var gzip = new GZipStream(new MemoryStream(packed), CompressionMode.Decompress);
        using var unpacked = new MemoryStream();
        gzip.CopyTo(unpacked);
        return unpacked.ToArray();
    }
}
