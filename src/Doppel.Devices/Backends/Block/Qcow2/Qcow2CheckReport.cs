namespace Doppel.Devices.Backends.Block.Qcow2;

/// <summary>What a check of an image has found.</summary>
public sealed class Qcow2CheckReport
{
    private const int MostProblems = 20;

    private readonly List<string> _problems = [];

    /// <summary>Places where the tables do not agree, so that data is or may be lost.</summary>
    public long Corruptions { get; private set; }

    /// <summary>Clusters that are counted and not used: space that is lost, and nothing else.</summary>
    public long Leaks { get; private set; }

    /// <summary>Clusters of the disk that are in this image.</summary>
    public long AllocatedClusters { get; internal set; }

    /// <summary>Those of them that are compressed.</summary>
    public long CompressedClusters { get; internal set; }

    /// <summary>Clusters that the disk has.</summary>
    public long TotalClusters { get; internal set; }

    /// <summary>Where the part of the file ends that is used, in bytes.</summary>
    public long ImageEnd { get; internal set; }

    /// <summary>The first of the problems, in words.</summary>
    public IReadOnlyList<string> Problems => _problems;

    /// <summary>True if there is no problem at all.</summary>
    public bool IsClean => Corruptions == 0 && Leaks == 0;

    internal void Corruption(string what)
    {
        Corruptions++;
        if (_problems.Count < MostProblems) _problems.Add(what);
    }

    internal void Leak(long cluster, ulong counted, uint used)
    {
        Leaks++;
        if (_problems.Count < MostProblems) _problems.Add($"cluster {cluster} is counted {counted} times and used {used} times");
    }
}
