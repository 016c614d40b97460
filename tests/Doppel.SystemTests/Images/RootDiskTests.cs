using System.Globalization;
using System.Net.Sockets;
using System.Text.Json;
using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests.Images;

/// <summary>Debian with Python on a root disk that was made of packages: judged by e2fsck, dpkg and apt, and used as a machine of every day.</summary>
public sealed class RootDiskTests
{
    [ToolFact("apt-get", "unshare", "e2fsck")]
    public async Task Pull_OfPackagesByAUserWithoutRights_MakesASoundDisk()
    {
        await DoppelCli.EnsureRootImageAsync();
        JsonElement image = await InspectAsync(DoppelCli.RootImage);
        string disk = Path.Combine(Repository.ImageCache, "disks", image.GetProperty("disk").GetProperty("digest").GetString() + ".raw");
        (int status, string report) = await Tool.RunAsync("e2fsck", "-fn", disk);
        Assert.True(status == 0, report);
        Assert.Equal(4L << 30, new FileInfo(disk).Length);
        string[] packages = [.. image.GetProperty("packages").EnumerateArray().Select(static p => p.GetProperty("name").GetString()!)];
        Assert.Superset(new HashSet<string>(["apt", "base-files", "dpkg", "iproute2", "python3"]), packages.ToHashSet());
        Assert.All(image.GetProperty("packages").EnumerateArray(), static p => Assert.Equal(64, p.GetProperty("sha256").GetString()!.Length));
    }

    [ToolFact("apt-get", "unshare")]
    public async Task Guest_OnItsRootDisk_IsAConsistentDebian()
    {
        await DoppelCli.EnsureRootImageAsync();
        CliResult result = await RunAsync("""
            dpkg --audit && apt-get -qq check && dpkg --verify python3 base-files coreutils libc6 perl-base &&
            test -z "$(dpkg-query -W -f '${Status}\n' | grep -v '^install ok installed$')" && echo consistent
            stat -c '%a %U:%G' /tmp /usr/bin/su /usr/bin/passwd /etc/shadow /var/mail 2>/dev/null
            test -e /usr/sbin/policy-rc.d || echo services
            ls /var/lib/dpkg/info/*.preinst >/dev/null && find / -xdev -name '*.dpkg-new'
            """);
        Assert.True(result.Status == 0, result.OutputText + result.ErrorText);
        Assert.Equal("consistent\n1777 root:root\n4755 root:root\n2775 root:mail\nservices\n", result.OutputText);
    }

    [ToolFact("apt-get", "unshare")]
    public async Task Guest_OnItsRootDisk_HasTheDisksProgramsAndItsOwnProcessOne()
    {
        await DoppelCli.EnsureRootImageAsync();
        CliResult result = await RunAsync("""
            readlink -f "$(command -v ls)"; python3 -c 'import os, ssl, sqlite3, json; print(os.cpu_count(), os.uname().machine)'
            findmnt -n -o SOURCE,FSTYPE,TARGET / ; cat /etc/hostname; echo $SHELL; modprobe -n -v ext4; echo left >/srv/mark; exit 7
            """, "--cpus", "2");
        Assert.Equal(("/usr/bin/ls\n2 riscv64\n/dev/vda ext4 /\ndoppel\n/bin/bash\n", 7), (result.OutputText, result.Status));
        // Nothing of it stays.
        Assert.Equal("gone\n", (await RunAsync("test -e /srv/mark || echo gone")).OutputText);
    }

    [ToolFact("apt-get", "unshare")]
    public async Task Guest_WithNetworkAndSharedFolder_ServesTheHostByOneCommand()
    {
        await DoppelCli.EnsureRootImageAsync();
        await using MachineShed shed = new();
        string folder = Directory.CreateDirectory(shed.File("site")).FullName;
        await File.WriteAllTextAsync(Path.Combine(folder, "page.txt"), "from the host\n");
        await shed.DoAsync("run", "-d", "--name", "web", "--cpus", "2", "--share", $"{folder}:/srv/site,ro", "--publish", "127.0.0.1:0:8000", DoppelCli.RootImage, "--",
            "python3", "-m", "http.server", "8000", "--directory", "/srv/site");
        string port = (await shed.DoAsync("port", "web", "8000")).Trim().Split(':')[^1];
        Assert.Equal("from the host\n", await FetchAsync(int.Parse(port, CultureInfo.InvariantCulture), "page.txt"));
        Assert.Equal("2\n", await shed.DoAsync("exec", "web", "--", "nproc"));
    }

    [ToolFact("apt-get", "unshare", "e2fsck")]
    public async Task NamedMachine_RootDisk_KeepsChangesToItselfAndTheImageIsNotTouched()
    {
        await DoppelCli.EnsureRootImageAsync();
        await using MachineShed shed = new();
        await shed.DoAsync("run", "-d", "--name", "a", DoppelCli.RootImage);
        await shed.DoAsync("exec", "a", "--", "sh", "-c", "echo mine >/srv/mark && sync");
        Assert.Equal("mine\n", await shed.DoAsync("exec", "a", "--", "cat", "/srv/mark"));
        Assert.True(new FileInfo(shed.File("machines/a/root.qcow2")).Length > 0);
        // As after a crash of the host, and under another name.
        await shed.DoAsync("kill", "a");
        await shed.DoAsync("rename", "a", "b");
        await shed.DoAsync("start", "b");
        Assert.Equal("mine\n", await shed.DoAsync("exec", "b", "--", "cat", "/srv/mark"));
        await shed.DoAsync("rm", "-f", "b");
        Assert.Equal($"{DoppelCli.RootImage}: sound\n", await shed.DoAsync("image", "check", DoppelCli.RootImage));
    }

    [ToolFact("apt-get", "unshare")]
    public async Task Pull_OfAPackageThatThereIsNot_SaysSoBeforeADiskIsMade()
    {
        await DoppelCli.EnsureRootImageAsync();
        CliResult result = await DoppelCli.RunAsync("image", "pull", "debian", "--packages", "python3,no-such-package", "--name", "slip", "--size", "5G");
        Assert.Equal(125, result.Status);
        Assert.Contains("Unable to locate package no-such-package", result.ErrorText, StringComparison.Ordinal);
        Assert.DoesNotContain("booting", result.ErrorText, StringComparison.Ordinal);
    }

    [ToolFact("apt-get", "unshare")]
    public async Task Pull_Again_TakesNothingAnewAndSaysSo()
    {
        await DoppelCli.EnsureRootImageAsync();
        CliResult again = await DoppelCli.RunAsync("image", "pull", "debian", "--packages", "python3", "--name", DoppelCli.RootImage, "--size", "4G");
        Assert.Equal(0, again.Status);
        Assert.EndsWith(", up to date\n", again.OutputText, StringComparison.Ordinal);
        Assert.DoesNotContain("booting", again.ErrorText, StringComparison.Ordinal);
        Assert.DoesNotContain("downloading", again.ErrorText, StringComparison.Ordinal);
    }

    private static Task<CliResult> RunAsync(string script, params string[] options) => DoppelCli.RunAsync(["run", .. options, DoppelCli.RootImage, "--", "sh", "-c", script]);

    private static async Task<JsonElement> InspectAsync(string image)
    {
        using JsonDocument document = JsonDocument.Parse((await DoppelCli.RunAsync("image", "inspect", image, "--json")).OutputText);
        return document.RootElement.Clone();
    }

    // The server is there when its program is; until then the port is closed behind the door. The client lets an exception of its socket through
    // where the connection ends in the moment that it has begun.
    private static async Task<string> FetchAsync(int port, string page)
    {
        using HttpClient client = new();
        using CancellationTokenSource limit = new(TimeSpan.FromMinutes(2));
        while (true)
        {
            try
            {
                return await client.GetStringAsync(new UriBuilder(Uri.UriSchemeHttp, "127.0.0.1", port, page).Uri, limit.Token);
            }
            catch (Exception e) when (e is HttpRequestException or SocketException && !limit.IsCancellationRequested)
            {
                await Task.Delay(50, limit.Token);
            }
        }
    }
}
