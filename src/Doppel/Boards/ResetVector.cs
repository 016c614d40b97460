using System.Buffers.Binary;

namespace Doppel.Boards;

/// <summary>
/// The board's boot ROM: what a hart executes after reset in M-mode. It hands over the hart's number in a0, the device tree in a1 and
/// OpenSBI's fw_dynamic_info in a2 (OpenSBI documentation, "OpenSBI Firmware with Dynamic Information"); other programs ignore a2.
/// </summary>
internal static class ResetVector
{
    // auipc t0, 0; addi a2, t0, 40; csrr a0, mhartid; ld a1, 32(t0); ld t0, 24(t0); jr t0
    private static readonly uint[] s_code = [0x0000_0297, 0x0282_8613, 0xF140_2573, 0x0202_B583, 0x0182_B283, 0x0002_8067];

    private const ulong DynamicMagic = 0x4942_534F, DynamicVersion = 2, NextModeSupervisor = 1;

    /// <summary>Makes the ROM's content.</summary>
    /// <param name="entry">First instruction of firmware or program.</param>
    /// <param name="deviceTree">Guest-physical address of the device tree.</param>
    /// <param name="next">Where firmware goes on in S-mode; 0 if there is nothing.</param>
    public static byte[] Create(ulong entry, ulong deviceTree, ulong next)
    {
        ReadOnlySpan<ulong> data = [entry, deviceTree, DynamicMagic, DynamicVersion, next, NextModeSupervisor, 0, 0];
        int codeBytes = s_code.Length * 4;
        byte[] rom = new byte[codeBytes + (data.Length * 8)];
        for (int i = 0; i < s_code.Length; i++) BinaryPrimitives.WriteUInt32LittleEndian(rom.AsSpan(i * 4), s_code[i]);
        for (int i = 0; i < data.Length; i++) BinaryPrimitives.WriteUInt64LittleEndian(rom.AsSpan(codeBytes + (i * 8)), data[i]);
        return rom;
    }
}
