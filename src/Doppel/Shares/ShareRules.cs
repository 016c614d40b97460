using System.Text;
using Doppel.Boards;

namespace Doppel.Shares;

/// <summary>Checks what can be known about shared folders without opening anything. Thread contract: stateless.</summary>
internal static class ShareRules
{
    /// <summary>Most shared folders and networks: behind the classic slots, where the balloon is too.</summary>
    internal const int Most = RiscVVirtMap.VirtioSlots - RiscVVirtMap.ClassicVirtioSlots - 1;

    // Longer ones are cut off by some drivers.
    private const int LongestTag = 31;

    // The guest's kernel keeps what it runs by in these.
    private static readonly string[] s_kernelFolders = ["/dev", "/proc", "/sys"];

    /// <summary>What the guest mounts a share by.</summary>
    /// <param name="shares">All shares.</param>
    /// <param name="index">Which of them.</param>
    public static string TagOf(IReadOnlyList<SharedFolder> shares, int index) => shares[index].Tag ?? $"share{index}";

    /// <summary>Adds one sentence for people for each thing that is wrong.</summary>
    public static void Check(IReadOnlyList<SharedFolder> shares, List<string> problems)
    {
        foreach (SharedFolder share in shares) Check(share, problems);
        foreach (IGrouping<string, SharedFolder> same in shares.GroupBy(static s => s.GuestPath.TrimEnd('/'), StringComparer.Ordinal))
        {
            foreach (SharedFolder other in same.Skip(1))
                problems.Add($"--share {other.HostPath}:{same.Key}: {same.First().HostPath} is there already; give another folder of the guest");
        }
        IEnumerable<string> tags = Enumerable.Range(0, shares.Count).Select(i => TagOf(shares, i));
        foreach (IGrouping<string, string> same in tags.GroupBy(static t => t, StringComparer.Ordinal).Where(static g => g.Count() > 1))
            problems.Add($"--share: the tag '{same.Key}' is used {same.Count()} times; tags are unique");
    }

    private static void Check(SharedFolder share, List<string> problems)
    {
        string name = $"--share {share.HostPath}:{share.GuestPath}";
        if (share.HostPath.Length == 0) problems.Add($"{name}: the folder of the host is missing; write --share .:/mnt to share this one");
        if (share.HostPath.Contains('\0', StringComparison.Ordinal) || share.GuestPath.Contains('\0', StringComparison.Ordinal))
            problems.Add("--share: a path holds a zero byte");
        if (!share.GuestPath.StartsWith('/'))
            problems.Add($"{name}: {share.GuestPath} is no absolute path; write --share {share.HostPath}:/{share.GuestPath}");
        string[] parts = share.GuestPath.Split('/');
        if (parts.Contains("..", StringComparer.Ordinal) || parts.Contains(".", StringComparer.Ordinal))
            problems.Add($"{name}: the folder of the guest must be named without . and ..");
        if (share.GuestPath.StartsWith('/') && share.GuestPath.Trim('/').Length == 0)
            problems.Add($"{name}: the guest's own root is there; give a folder, as in --share {share.HostPath}:/mnt");
        if (s_kernelFolders.FirstOrDefault(f => (share.GuestPath + "/").StartsWith(f + "/", StringComparison.Ordinal)) is { } folder)
            problems.Add($"{name}: {folder} belongs to the guest's kernel; give another folder, as in --share {share.HostPath}:/mnt");
        if (share.Tag is { } tag && (tag.Length == 0 || Encoding.UTF8.GetByteCount(tag) > LongestTag))
            problems.Add($"{name}: a tag has 1 to {LongestTag} bytes");
    }
}
