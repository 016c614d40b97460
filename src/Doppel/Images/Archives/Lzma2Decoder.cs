using System.Buffers.Binary;

namespace Doppel.Images.Archives;

/// <summary>The LZMA2 container: chunks of LZMA data or plain bytes, each with its sizes and with what it resets.</summary>
internal static class Lzma2Decoder
{
    /// <summary>Unpacks one LZMA2 stream and appends it.</summary>
    /// <returns>Bytes of <paramref name="data"/> that the stream takes.</returns>
    /// <exception cref="InvalidDataException">The stream is damaged.</exception>
    public static int Decode(ReadOnlySpan<byte> data, OutputBuffer output)
    {
        var lzma = new LzmaDecoder();
        int at = 0;
        int? dictionaryStart = null;
        while (true)
        {
            byte control = Need(data, at, 1)[0];
            if (control == 0) return at + 1;
            // 0x01 and 0xE0..0xFF reset the dictionary.
            if (control is 0x01 or >= 0xE0) dictionaryStart = output.Length;
            int start = dictionaryStart ?? throw new InvalidDataException("xz: damaged file: LZMA2 without a dictionary");
            at += control < 0x80
                ? CopyPlain(data[at..], control, output, lzma)
                : Unpack(data[at..], control, output, lzma, start);
        }
    }

    private static int CopyPlain(ReadOnlySpan<byte> data, byte control, OutputBuffer output, LzmaDecoder lzma)
    {
        if (control > 2) throw new InvalidDataException($"xz: damaged file: LZMA2 control byte 0x{control:X2}");
        int length = BinaryPrimitives.ReadUInt16BigEndian(Need(data, 1, 2)) + 1;
        Need(data, 3, length)[..length].CopyTo(output.Append(length));
        if (control == 1) lzma.ForgetProperties();
        return 3 + length;
    }

    private static int Unpack(ReadOnlySpan<byte> data, byte control, OutputBuffer output, LzmaDecoder lzma, int dictionaryStart)
    {
        ReadOnlySpan<byte> header = Need(data, 1, 4);
        int unpacked = ((control & 0x1F) << 16) + BinaryPrimitives.ReadUInt16BigEndian(header) + 1;
        int packed = BinaryPrimitives.ReadUInt16BigEndian(header[2..]) + 1;
        int at = 5;
        // Bits 5 and 6: 0 nothing, 1 state, 2 state and new properties, 3 the dictionary too.
        int reset = (control >> 5) & 3;
        if (reset >= 2) lzma.SetProperties(Need(data, at++, 1)[0]);
        else if (reset == 1) lzma.ResetState();
        int before = output.Length - dictionaryStart;
        _ = output.Append(unpacked);
        lzma.Decode(Need(data, at, packed)[..packed], output.Window(dictionaryStart), before);
        return at + packed;
    }

    private static ReadOnlySpan<byte> Need(ReadOnlySpan<byte> data, int at, int length) =>
        data.Length - at >= length ? data[at..] : throw new InvalidDataException("xz: the file is truncated");
}
