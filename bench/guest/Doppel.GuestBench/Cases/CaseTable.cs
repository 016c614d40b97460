namespace Doppel.GuestBench.Cases;

/// <summary>The suite. Every case is sized to take QEMU two to four processor seconds on a current server.</summary>
internal static class CaseTable
{
    private const bool Quick = true;
    private const bool Full = false;

    public static readonly IReadOnlyList<BenchCase> All =
    [
        new("7zip",           CaseGroup.Integer,      Full),
        new("xz",             CaseGroup.Integer,      Quick),
        new("zstd",           CaseGroup.Integer,      Full),
        new("sha256",         CaseGroup.Integer,      Quick),
        new("aes",            CaseGroup.Integer,      Full),
        new("rsa",            CaseGroup.Integer,      Full),
        new("sqlite",         CaseGroup.Integer,      Quick),
        new("gcc",            CaseGroup.Integer,      Quick, SameOnHost: false),
        new("matrix",         CaseGroup.Float,        Quick),
        new("fft",            CaseGroup.Float,        Full),
        new("nbody",          CaseGroup.Float,        Quick),
        new("transcendental", CaseGroup.Float,        Full),
        new("python",         CaseGroup.Interpreters, Quick),
        new("lua",            CaseGroup.Interpreters, Quick),
        new("luajit",         CaseGroup.Interpreters, Full),
        new("perl",           CaseGroup.Interpreters, Full),
        new("stream",         CaseGroup.Memory,       Quick),
        new("chase",          CaseGroup.Memory,       Quick),
        new("pingpong",       CaseGroup.System,       Quick),
        new("spawn",          CaseGroup.System,       Full),
        new("paging",         CaseGroup.System,       Full),
        new("shell",          CaseGroup.System,       Quick),
    ];

    /// <summary>Threads that share memory: only of use with several processors.</summary>
    private static readonly BenchCase[] s_threads = [new("threads", CaseGroup.System, Quick), new("mapping", CaseGroup.System, Quick)];

    /// <summary>What is run twice at the same time to see what a second processor gains: no more than its memory is shared.</summary>
    public static IReadOnlyList<BenchCase> Parallel =>
        [.. All.Where(static c => c.Name is "xz" or "sha256" or "sqlite" or "gcc" or "matrix" or "nbody" or "python" or "lua" or "spawn" or "shell"), .. s_threads];

    /// <summary>All that can be asked for by name.</summary>
    public static IReadOnlyList<BenchCase> Everything => [.. All, .. s_threads];
}
