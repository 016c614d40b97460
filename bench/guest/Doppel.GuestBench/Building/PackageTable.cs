namespace Doppel.GuestBench.Building;

/// <summary>
/// What is taken from Debian 13. Maintainer scripts do not run, so programs are called by the names that the packages themselves hold,
/// and the libraries they need are named here.
/// </summary>
internal static class PackageTable
{
    private static readonly string[] s_programs =
    [
        "coreutils", "dash", "busybox-static", "7zip", "xz-utils", "zstd", "openssl", "sqlite3", "python3.13-minimal", "lua5.4", "luajit",
        "perl-base", "binutils",
    ];

    private static readonly string[] s_libraries =
    [
        "libc6", "libgcc-s1", "libstdc++6", "zlib1g", "libzstd1", "liblzma5", "libbz2-1.0", "libgmp10", "libmpfr6", "libmpc3", "libisl23",
        "libacl1", "libattr1", "libcap2", "libpcre2-8-0", "libselinux1", "libssl3t64", "libcrypt1", "libexpat1", "liblz4-1", "libxxhash0",
        "libtinfo6", "libreadline8t64", "libsqlite3-0", "libjansson4", "libsframe1", "libbinutils", "libctf0", "libctf-nobfd0",
        "libluajit-5.1-2", "libluajit-5.1-common", "libsystemd0", "libpython3.13-minimal", "libgcc-14-dev", "libc6-dev",
        "linux-libc-dev",
    ];

    /// <summary>Names of the packages for one Debian architecture.</summary>
    /// <param name="architecture">Debian's name of the instruction set.</param>
    /// <param name="compilerPrefix">GNU's name of it, as the packages of compiler and assembler spell it.</param>
    public static IReadOnlyList<string> For(string architecture, string compilerPrefix) =>
    [
        .. s_programs, .. s_libraries, $"gcc-14-{compilerPrefix}", $"cpp-14-{compilerPrefix}", $"binutils-{compilerPrefix}",
        // The assembler of x86 reads profiles, that of RISC-V does not.
        .. (string[])(architecture == "amd64" ? ["libgprofng0"] : []),
    ];
}
