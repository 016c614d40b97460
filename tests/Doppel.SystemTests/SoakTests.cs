using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests;

/// <summary>
/// Package work in one guest, round after round: every round prints what the interpreter has printed. <c>./dev soak</c> does the same for an hour
/// with compilers, databases and scripting languages.
/// </summary>
public sealed class SoakTests
{
    private const int Rounds = 6;

    // Makes text, packs and unpacks it in three ways, sorts, counts, and lets the shell compute; prints sums only. The programs of each round are
    // copied, so that their pages are new and the translations of the old ones go stale.
    private const string Round = """
        cd /tmp && rm -rf soak && mkdir soak && cd soak
        cp "$(readlink -f /bin/sh)" program 2>/dev/null; chmod +x program
        awk 'BEGIN { x = 12345; for (i = 0; i < 4000; i++) { x = (x * 1103515 + 12345) % 2147483647; print x, i % 97, sqrt(x) } }' >text
        sha256sum <text
        gzip -c text >text.gz && gunzip -c text.gz | sha256sum
        tar cf all.tar text text.gz && tar tf all.tar && tar xOf all.tar text | md5sum
        sort -n text | sha256sum
        sort -k2,2n -k1,1nr text | uniq | cut -d' ' -f2 | uniq -c | md5sum
        sed 's/7/seven/g; s/^\(.\)\(.*\)$/\2\1/' text | tr 'a-z0-9' 'n-za-m0-9' | sha256sum
        i=0; sum=0; while [ $i -lt 1500 ]; do sum=$(((sum * 31 + i) % 1000003)); i=$((i + 1)); done; echo $sum
        for i in 1 2 3 4 5 6 7 8; do (echo $i; ./program -c 'echo child $((6 * 7))'); done | md5sum
        """;

    [ToolFact("apt-get")]
    public async Task Soak_RoundsOfPackageWork_PrintWhatTheInterpreterPrints()
    {
        string[] expected = await RunAsync("interp", rounds: 1);
        string[] actual = await RunAsync("jit", Rounds);

        Assert.True(expected.Length > 8, string.Join('\n', expected));
        Assert.Equal(Enumerable.Repeat(expected, Rounds).SelectMany(static lines => lines), actual);
    }

    private static async Task<string[]> RunAsync(string engine, int rounds)
    {
        await DoppelCli.EnsureImageAsync();
        string script = $"n=0; while [ $n -lt {rounds} ]; do (\n{Round}\n); n=$((n + 1)); done";
        CliResult result = await DoppelCli.RunAsync(["run", "--engine", engine, "--", "sh", "-c", script], []);
        Assert.True(result.Status == 0, result.ErrorText);
        return result.OutputText.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
