using System.Text;

namespace Doppel.UnitTests.Images;

/// <summary>Makes kernel modules with the cross assembler, local labels kept as relaxation keeps them in real ones.</summary>
internal static class KernelModules
{
    public static byte[] Assemble(string name, string depends, params string[] aliases)
    {
        using var folder = new TemporaryFolder();
        string info = string.Concat(((string[])[$"depends={depends}", $"name={name}", .. aliases.Select(alias => "alias=" + alias)])
            .Select(entry => $"    .asciz \"{entry}\"\n"));
        string source = folder.Write("module.s", $$"""
                .section .modinfo, "a"
            {{info}}
                .text
                .globl init_module
            init_module:
            .Lstart:
                la a0, message
                la a1, .Lprivate
                call printk
            .Lbranch_target:
                beqz a0, .Lend
                lw a0, 0(a1)
            .Lend:
                ret
            helper:
                j .Lstart
                .section .rodata
            message: .asciz "hello"
            .Lprivate: .word .Lend - .Lstart
            .Lunused: .word 1
                .data
                .balign 64
                .quad helper
                .quad .Lbranch_target
                .bss
                .zero 100

            """);
        _ = Tool.Run("riscv64-linux-gnu-as", "-march=rv64gc", "-L", "-o", folder["module.o"], source);
        return File.ReadAllBytes(folder["module.o"]);
    }

    public static string Readelf(byte[] module, params string[] options)
    {
        using var folder = new TemporaryFolder();
        return Tool.Run("riscv64-linux-gnu-readelf", [.. options, folder.Write("module.o", module)]);
    }

    public static byte[] DiscardLocals(byte[] module)
    {
        using var folder = new TemporaryFolder();
        _ = Tool.Run("riscv64-linux-gnu-objcopy", "--discard-locals", folder.Write("in.o", module), folder["out.o"]);
        return File.ReadAllBytes(folder["out.o"]);
    }

    public static string Lines(string text) => string.Join('\n', text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0));

    public static byte[] Pack(byte[] module) => Tool.Filter(module, "xz", "-c", "--check=crc32", "--lzma2=dict=1MiB");

    public static byte[] Text(string text) => Encoding.UTF8.GetBytes(text);
}
