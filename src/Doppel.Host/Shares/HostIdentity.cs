namespace Doppel.Host.Shares;

/// <summary>Who this process is to the host, and what it may hold. Thread contract: stateless.</summary>
public static class HostIdentity
{
    private const int FewDescriptors = 1024;

    /// <summary>User that files are made as.</summary>
    public static uint Uid => Interop.Geteuid();

    /// <summary>Group that files are made as.</summary>
    public static uint Gid => Interop.Getegid();

    /// <summary>Descriptors that the process may have open.</summary>
    public static int MaxDescriptors
    {
        get
        {
            Interop.Rlimit limit = default;
            return Interop.Getrlimit(Interop.RlimitNoFile, ref limit) == 0 ? (int)Math.Min(limit.Current, int.MaxValue) : FewDescriptors;
        }
    }
}
