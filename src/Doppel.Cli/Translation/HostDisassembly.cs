using System.Globalization;
using Iced.Intel;

namespace Doppel.Cli.Translation;

/// <summary>Host code as text.</summary>
internal static class HostDisassembly
{
    /// <summary>Writes one line for each instruction.</summary>
    internal static void Write(ReadOnlySpan<byte> code, ulong address, TextWriter output)
    {
        byte[] bytes = code.ToArray();
        Decoder decoder = Decoder.Create(64, new ByteArrayCodeReader(bytes), address);
        NasmFormatter formatter = new();
        formatter.Options.FirstOperandCharIndex = 8;
        StringOutput text = new();
        while (decoder.IP - address < (ulong)bytes.Length)
        {
            decoder.Decode(out Instruction instruction);
            formatter.Format(instruction, text);
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"          {instruction.IP:x12}  {text.ToStringAndReset()}"));
        }
    }
}
