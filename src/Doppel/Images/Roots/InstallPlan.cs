using Doppel.Images.Apt;

namespace Doppel.Images.Roots;

/// <summary>What the machine does of an <see cref="InstallPlan"/>.</summary>
internal enum InstallActionKind
{
    /// <summary>Take the next archive of packages into memory, in the place of the one before.</summary>
    Stage,

    /// <summary>Unpack packages.</summary>
    Unpack,

    /// <summary>Configure packages; all that are left, if none is named.</summary>
    Configure,
}

/// <summary>One action.</summary>
internal sealed record InstallAction(InstallActionKind Kind, IReadOnlyList<string> Packages);

/// <summary>
/// Turns apt's order into few calls of dpkg: packages are unpacked together, as long as none of them wants another one of them configured before
/// (Debian Policy 7.2, Pre-Depends), and fit into the machine's memory together. Immutable.
/// </summary>
internal sealed record InstallPlan
{
    private const long BatchBytes = 256L << 20;

    /// <summary>What to do, in order.</summary>
    public required IReadOnlyList<InstallAction> Actions { get; init; }

    /// <summary>The packages of each archive.</summary>
    public required IReadOnlyList<IReadOnlyList<AptPackage>> Batches { get; init; }

    /// <summary>Works out a plan.</summary>
    /// <param name="choice">What apt has chosen.</param>
    /// <param name="installed">Names of packages that are configured already.</param>
    /// <param name="batchBytes">Most unpacked bytes of an archive, unless one package has more.</param>
    public static InstallPlan Create(PackageChoice choice, IEnumerable<string> installed, long batchBytes = BatchBytes)
    {
        var state = new Builder(installed, batchBytes);
        Dictionary<string, AptPackage> packages = choice.Packages.ToDictionary(static p => p.Name, StringComparer.Ordinal);
        foreach (AptOperation operation in choice.Operations)
        {
            if (operation.IsUnpack) state.Unpack(packages[operation.Package]);
            else state.Ready.Add(operation.Package);
        }
        return state.Finish();
    }

    private sealed class Builder(IEnumerable<string> installed, long batchBytes)
    {
        private readonly HashSet<string> _configured = [.. installed];
        private readonly List<InstallAction> _actions = [];
        private readonly List<List<AptPackage>> _batches = [];
        private readonly List<string> _unpacking = [];
        private long _bytes;

        /// <summary>Packages that apt would have configured by now.</summary>
        public List<string> Ready { get; } = [];

        public void Unpack(AptPackage package)
        {
            if (!PreDependencies(package).All(_configured.Contains)) Configure();
            if (_batches.Count == 0 || (_bytes > 0 && _bytes + package.UnpackedSize > batchBytes)) NextBatch();
            _batches[^1].Add(package);
            _bytes += package.UnpackedSize;
            _unpacking.Add(package.Name);
        }

        public InstallPlan Finish()
        {
            FlushUnpack();
            _actions.Add(new InstallAction(InstallActionKind.Configure, []));
            return new InstallPlan { Actions = _actions, Batches = _batches };
        }

        private void Configure()
        {
            FlushUnpack();
            string[] ready = [.. Ready.Where(p => !_configured.Contains(p))];
            if (ready.Length > 0) _actions.Add(new InstallAction(InstallActionKind.Configure, ready));
            _configured.UnionWith(ready);
        }

        private void NextBatch()
        {
            FlushUnpack();
            _batches.Add([]);
            _bytes = 0;
            _actions.Add(new InstallAction(InstallActionKind.Stage, []));
        }

        private void FlushUnpack()
        {
            if (_unpacking.Count > 0) _actions.Add(new InstallAction(InstallActionKind.Unpack, [.. _unpacking]));
            _unpacking.Clear();
        }

        // "a (>= 1) | b, c:any": of alternatives one is enough, so what is not sure counts as not there.
        private static IEnumerable<string> PreDependencies(AptPackage package) =>
            package.PreDepends.Split([',', '|'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(static d => d.Split(' ', ':', '(')[0]);
    }
}
