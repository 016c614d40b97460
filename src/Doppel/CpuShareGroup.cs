using Doppel.Core.Sharing;

namespace Doppel;

/// <summary>
/// Machines that share the host's processors by weight: those of one process that are given the same object, or those of all processes that open the
/// same file. Thread contract: any thread; dispose it after the machines.
/// </summary>
public sealed class CpuShareGroup : IDisposable
{
    /// <summary>A group of machines of this process.</summary>
    /// <exception cref="Host.HostException">The host refuses memory.</exception>
    public CpuShareGroup()
        : this(ProcessorShareTable.Create())
    {
    }

    private CpuShareGroup(ProcessorShareTable table) => Table = table;

    internal ProcessorShareTable Table { get; }

    /// <summary>A group of machines of any process that opens the same file.</summary>
    /// <param name="path">The file, of a few pages; it is created if there is none, for its owner alone.</param>
    /// <exception cref="Host.HostException">The file cannot be opened, or is something else.</exception>
    public static CpuShareGroup Open(string path) => new(ProcessorShareTable.Open(path));

    /// <inheritdoc/>
    public void Dispose() => Table.Dispose();
}
