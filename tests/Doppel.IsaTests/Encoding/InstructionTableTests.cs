using System.Text;
using Doppel.IsaTests.Common;
using Doppel.IsaTests.Oracle;

namespace Doppel.IsaTests.Encoding;

/// <summary>The table against the GNU assembler: if both agree on every field of every row, our encoder may feed the other tests.</summary>
public sealed class InstructionTableTests
{
    private const int CasesPerRow = 64;
    private const string Architecture = "rv64gc_zba_zbb_zbc_zbs_zicbom_zicboz_zihintpause_svinval";

    // Debian 12's assembler is older than Zicond: its two words are checked against the manual below.
    private static readonly string[] s_unknownToAssembler = ["Zicond"];

    [AssemblerFact]
    public void Encode_EveryRow_IsWhatTheGnuAssemblerMakes()
    {
        var source = new StringBuilder(".option norelax\n");
        List<(string Text, uint Word, int Length)> expected = [];
        var rng = new Rng(1);
        foreach (Instruction row in InstructionTable.All.Where(r => !s_unknownToAssembler.Contains(r.Extension)))
        {
            source.Append(row.Length == 2 ? ".option rvc\n" : ".option norvc\n");
            for (int i = 0; i < CasesPerRow; i++)
            {
                long[] values = [.. row.Operands.Select(o => OperandValues.Pick(o, rng))];
                string text = row.Format(values);
                source.Append(text).Append('\n');
                expected.Add((text, row.Encode(values), row.Length));
            }
        }

        byte[] code = Assemble(source.ToString());

        int at = 0;
        foreach ((string text, uint word, int length) in expected)
        {
            uint actual = length == 2 ? BitConverter.ToUInt16(code, at) : BitConverter.ToUInt32(code, at);
            Assert.True(word == actual, $"{text}: table {word:x}, assembler {actual:x}");
            at += length;
        }
        Assert.Equal(at, code.Length);
    }

    [Theory]
    [InlineData("czero.eqz", 0x0EC5D533U)]
    [InlineData("czero.nez", 0x0EC5F533U)]
    public void Encode_Zicond_IsWhatTheManualDraws(string name, uint word)
    {
        Assert.Equal(word, InstructionTable.Find(name).Encode(10, 11, 12));
    }

    [Fact]
    public void Decode_WhatWasEncoded_GivesTheSameRowAndOperands()
    {
        var rng = new Rng(2);
        foreach (Instruction row in InstructionTable.All)
        {
            long[] values = [.. row.Operands.Select(o => OperandValues.Pick(o, rng))];
            uint word = row.Encode(values);
            Assert.Same(row, InstructionTable.Decode(word));
            Assert.Equal(values, row.Operands.Select(o => o.Gather(word)));
        }
    }

    private static byte[] Assemble(string source)
    {
        string folder = Directory.CreateTempSubdirectory("doppel-isa-").FullName;
        try
        {
            string[] files = [Path.Combine(folder, "a.s"), Path.Combine(folder, "a.o"), Path.Combine(folder, "a.bin")];
            File.WriteAllText(files[0], source);
            ExternalTool.Assembler.Run([$"-march={Architecture}", "-o", files[1], files[0]], TimeSpan.FromMinutes(1));
            ExternalTool.ObjectCopy.Run(["-O", "binary", "-j", ".text", files[1], files[2]], TimeSpan.FromMinutes(1));
            return File.ReadAllBytes(files[2]);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
