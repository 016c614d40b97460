using System.Text;
using Doppel.Consoles;
using Doppel.Core.Time;
using Doppel.Devices.Backends.Char;

namespace Doppel.UnitTests.Machine;

public sealed class ConsoleTextTests
{
    [Fact]
    public void Transcript_CharacterSplitBetweenPieces_IsOneCharacter()
    {
        Transcript transcript = new(100);

        foreach (byte value in "grün 漢字"u8.ToArray()) transcript.Append([value]);

        Assert.Equal("grün 漢字", transcript.From(0));
    }

    [Fact]
    public void Transcript_LongerThanItsBound_KeepsTheEndAndCountsOn()
    {
        Transcript transcript = new(100);

        for (int i = 0; i < 100; i++) transcript.Append(Encoding.ASCII.GetBytes($"{i,10}"));

        Assert.Equal(1000, transcript.End);
        Assert.InRange(transcript.End - transcript.Start, 100, 200);
        Assert.EndsWith("        98        99", transcript.From(0), StringComparison.Ordinal);
        Assert.Equal("        99", transcript.From(990));
    }

    [Fact]
    public void Milestones_TextSplitAtEveryPlace_AreSeenOnce()
    {
        byte[] log = "[    0.000000] Linux version 6.12\n[    1.0] Run /init as init process\n"u8.ToArray();

        Assert.All(Enumerable.Range(1, log.Length - 1), cut =>
        {
            BootMilestones milestones = new(new HostStopwatch());
            milestones.Observe(log.AsSpan(0, cut));
            milestones.Observe(log.AsSpan(cut));
            Assert.NotNull(milestones.Kernel);
            Assert.NotNull(milestones.Init);
        });
    }

    [Fact]
    public void Milestones_OtherText_GivesNone()
    {
        BootMilestones milestones = new(new HostStopwatch());

        milestones.Observe("Linux versio\nRun /sbin/init as init process"u8);

        Assert.Equal((null, null), (milestones.Kernel, milestones.Init));
    }

    [Fact]
    public void Tee_FirstLineFull_ShowsTheSecondNoMoreThanTheFirstTook()
    {
        using CharChannel first = new(4), second = new(16);
        using SerialTee tee = new(first, second);

        int taken = tee.Write("abcdef"u8);

        byte[] seen = new byte[16];
        Assert.Equal(4, taken);
        Assert.Equal("abcd"u8.ToArray(), seen[..second.Host.Read(seen)]);
    }

    [Fact]
    public void Tee_InputOnEitherLine_ReachesTheGuest()
    {
        using CharChannel first = new(), second = new();
        using SerialTee tee = new(first, second);
        first.Host.Write("a"u8);
        second.Host.Write("b"u8);

        byte[] one = new byte[1], two = new byte[1];
        tee.Read(one);
        tee.Read(two);

        Assert.Equal("ab", Encoding.ASCII.GetString([.. one, .. two]));
    }
}
