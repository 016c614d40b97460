using System.Buffers.Binary;
using Doppel.IsaTests.Encoding;
using Doppel.IsaTests.Harts;
using Doppel.IsaTests.Oracle;
using Doppel.RiscV;

namespace Doppel.IsaTests.Systems;

/// <summary>
/// RAM of a machine that runs experiments one after the other in M-mode code of its own: load all CSRs and registers from a block, MRET,
/// and on the trap back put all registers and CSRs into the same block. At the end it switches the machine off.
/// </summary>
internal sealed class SystemProgram
{
    private const int LoadedOffset = 32 * 8, RecordedOffset = LoadedOffset + (40 * 8), Stride = RecordedOffset + (40 * 8);
    private const int GoOnOffset = Stride - 8;
    private const int X31 = 31, X30 = 30;

    private readonly IReadOnlyList<Experiment> _experiments;

    internal SystemProgram(IReadOnlyList<World> worlds, IReadOnlyList<Experiment> experiments)
    {
        _experiments = experiments;
        foreach (World world in worlds) world.Contents.CopyTo(At(world.Address));
        MakeLoader().CopyTo(At(SystemLayout.Ram));
        MakeHandler().CopyTo(At(SystemLayout.MachineHandler));
        for (int i = 0; i < 16; i++) BinaryPrimitives.WriteUInt32LittleEndian(At(SystemLayout.SupervisorHandler)[(i * 4)..], InstructionTable.Find("ecall").Match);
        for (int i = 0; i < SystemLayout.DataPages * 512; i++) BinaryPrimitives.WriteUInt64LittleEndian(At(SystemLayout.Data)[(i * 8)..], DataPattern(i));
        ulong body = SystemLayout.Bodies;
        for (int i = 0; i < experiments.Count; i++)
        {
            byte[] code = experiments[i].Encode();
            code.CopyTo(At(body));
            WriteBlock(i, body);
            body += (ulong)(code.Length + 3 & ~3);
        }
    }

    /// <summary>RAM from its first byte.</summary>
    internal byte[] Image { get; } = new byte[SystemLayout.UsedBytes];

    /// <summary>Compares what two runs left behind.</summary>
    /// <returns>Index of the first experiment that differs and how, or -1 and how memory differs, or null if all is equal.</returns>
    internal (int Experiment, string Difference)? Compare(ReadOnlySpan<byte> oracle, ReadOnlySpan<byte> subject)
    {
        for (int i = 0; i < _experiments.Count; i++)
        {
            int at = (int)(SystemLayout.Blocks - SystemLayout.Ram) + (i * Stride);
            if (CompareBlock(_experiments[i], oracle.Slice(at, Stride), subject.Slice(at, Stride)) is { Length: > 0 } difference) return (i, difference);
        }
        // What is behind the blocks: page tables, with their A and D bits, and data.
        int from = (int)(SystemLayout.Tables - SystemLayout.Ram);
        int different = oracle[from..].CommonPrefixLength(subject[from..]) + from & ~7;
        if (different == oracle.Length) return null;
        return (-1, $"  memory at {SystemLayout.Ram + (ulong)different:x}: oracle {BitConverter.ToUInt64(oracle[different..]):x16} subject {BitConverter.ToUInt64(subject[different..]):x16}");
    }

    private static string CompareBlock(Experiment experiment, ReadOnlySpan<byte> oracle, ReadOnlySpan<byte> subject)
    {
        List<string> lines = [];
        for (int at = 0; at < Stride; at += 8)
        {
            ulong right = BinaryPrimitives.ReadUInt64LittleEndian(oracle[at..]), wrong = BinaryPrimitives.ReadUInt64LittleEndian(subject[at..]);
            if (right == wrong) continue;
            string name = NameOf(at);
            // The cause stands in front of tval.
            ulong cause = BinaryPrimitives.ReadUInt64LittleEndian(oracle[Math.Max(at - 8, 0)..]);
            if (!OracleQuirks.Explains(experiment, name, cause, right, wrong)) lines.Add($"  {name,-10} oracle {right:x16}  subject {wrong:x16}");
        }
        return string.Join('\n', lines);
    }

    private static string NameOf(int offset)
    {
        if (offset < LoadedOffset) return RegisterNames.X[offset / 8];
        int index = (offset - RecordedOffset) / 8;
        return index == 0 ? "mstatus" : index > 0 && index <= ExperimentCsrs.Recorded.Length ? ExperimentCsrs.Recorded[index - 1] : $"block+{offset}";
    }

    private Span<byte> At(ulong address) => Image.AsSpan((int)(address - SystemLayout.Ram));

    private void WriteBlock(int index, ulong body)
    {
        Experiment experiment = _experiments[index];
        Span<byte> block = At(SystemLayout.Blocks + (ulong)(index * Stride))[..Stride];
        for (int r = 0; r < 32; r++) BinaryPrimitives.WriteUInt64LittleEndian(block[(r * 8)..], experiment.X[r]);
        for (int i = 0; i < experiment.Csrs.Length; i++)
        {
            ulong value = ExperimentCsrs.Loaded[i] == "mepc" ? body + (experiment.ThroughAlias ? SystemLayout.UserAlias : 0) : experiment.Csrs[i];
            BinaryPrimitives.WriteUInt64LittleEndian(block[(LoadedOffset + (i * 8))..], value);
        }
        BinaryPrimitives.WriteUInt64LittleEndian(block[GoOnOffset..], 1);
    }

    // Different everywhere, and nowhere an instruction: bits 1-0 and 15-13 of each half make a reserved compressed encoding.
    private static ulong DataPattern(int i) => 0x8000_8000_8000_8000 | ((ulong)(i & 0x7FF) << 2) | ((ulong)(i >> 4 & 0x7FF) << 18) | ((ulong)(i >> 8 & 0x7FF) << 34);

    // x31 points to the block; mscratch keeps it while the experiment runs.
    private static byte[] MakeLoader()
    {
        var code = new CodeBuilder(SystemLayout.Ram);
        // One hart runs the experiments, all others sleep.
        code.Emit("csrrs", X31, CsrNames.Find("mhartid"), 0);
        code.Emit("beq", X31, 0, 12);
        code.Emit("wfi");
        code.Emit("jal", 0, -4);
        code.LoadAddress(X31, SystemLayout.MachineHandler);
        code.Emit("csrrw", 0, CsrNames.Find("mtvec"), X31);
        code.LoadAddress(X31, SystemLayout.Blocks);
        EmitFloatingPointOn(code);
        code.JumpFar(1, SystemLayout.MachineLoader);
        while (code.Here < SystemLayout.MachineLoader) code.Emit("c.nop");
        for (int i = 0; i < ExperimentCsrs.Loaded.Length; i++)
        {
            code.Emit("ld", 1, LoadedOffset + (i * 8), X31);
            code.Emit("csrrw", 0, CsrNames.Find(ExperimentCsrs.Loaded[i]), 1);
        }
        code.Emit("sfence.vma", 0, 0);
        code.Emit("fence.i");
        code.Emit("csrrw", 0, CsrNames.Find("mscratch"), X31);
        for (int r = 1; r <= 31; r++) code.Emit("ld", r, r * 8, X31);
        code.Emit("mret");
        return code.ToArray();
    }

    private static byte[] MakeHandler()
    {
        var code = new CodeBuilder(SystemLayout.MachineHandler);
        code.Emit("csrrw", X31, CsrNames.Find("mscratch"), X31);
        code.Emit("csrrw", 0, CsrNames.Find("sscratch"), X30);
        // The experiment may have left MPRV on, with which not even this handler could store.
        code.Emit("lui", X30, 1 << 5);
        code.Emit("csrrc", X30, CsrNames.Find("mstatus"), X30);
        code.Emit("sd", X30, RecordedOffset, X31);
        for (int r = 1; r <= 29; r++) code.Emit("sd", r, r * 8, X31);
        EmitRecord(code, "sscratch", X30 * 8);
        EmitRecord(code, "mscratch", X31 * 8);
        EmitFloatingPointOn(code);
        for (int i = 0; i < ExperimentCsrs.Recorded.Length; i++) EmitRecord(code, ExperimentCsrs.Recorded[i], RecordedOffset + 8 + (i * 8));
        code.Emit("addi", X31, X31, Stride);
        code.Emit("ld", 1, GoOnOffset, X31);
        code.Emit("beq", 1, 0, 12);
        code.JumpFar(1, SystemLayout.MachineLoader);
        code.Emit("lui", 1, (long)(SystemLayout.Finisher >> 12));
        code.Emit("lui", 2, 5);
        code.Emit("addi", 2, 2, 0x555);
        code.Emit("sw", 2, 0, 1);
        code.Emit("jal", 0, 0);
        return code.ToArray();
    }

    private static void EmitRecord(CodeBuilder code, string csr, int offset)
    {
        code.Emit("csrrs", 1, CsrNames.Find(csr), 0);
        code.Emit("sd", 1, offset, X31);
    }

    private static void EmitFloatingPointOn(CodeBuilder code)
    {
        code.Emit("lui", 1, 6);
        code.Emit("csrrs", 0, CsrNames.Find("mstatus"), 1);
    }
}
