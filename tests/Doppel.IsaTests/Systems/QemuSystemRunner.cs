using Doppel.IsaTests.Oracle;

namespace Doppel.IsaTests.Systems;

/// <summary>QEMU's whole-machine emulator. Its RAM is a file that we fill before and read after.</summary>
internal sealed class QemuSystemRunner : ISystemRunner
{
    private const string Cpu = "rv64,h=false,v=false,debug=false,svinval=true,svpbmt=false,sstc=true";

    // With one hart, the oracle makes an AMO of a load and a store, and reports the faults of the load.
    private const string Harts = "2";

    public byte[] Run(SystemProgram program)
    {
        string file = Path.GetTempFileName();
        try
        {
            using (FileStream ram = File.Create(file))
            {
                ram.Write(program.Image);
                ram.SetLength(SystemLayout.RamBytes);
            }
            ExternalTool.QemuSystem.Run(
                [
                    "-M", "virt,memory-backend=ram", "-object", $"memory-backend-file,id=ram,size={SystemLayout.RamBytes},mem-path={file},share=on",
                    "-smp", Harts, "-accel", "tcg,thread=multi", "-m", $"{SystemLayout.RamBytes >> 20}M", "-cpu", Cpu, "-bios", "none", "-display", "none", "-serial", "none", "-monitor", "none", "-nodefaults",
                ], TimeSpan.FromMinutes(2));
            using FileStream after = File.OpenRead(file);
            byte[] bytes = new byte[SystemLayout.UsedBytes];
            after.ReadExactly(bytes);
            return bytes;
        }
        finally
        {
            File.Delete(file);
        }
    }
}
