using System.Buffers.Binary;

namespace Doppel.Devices.Backends.Net;

/// <summary>
/// Writes frames to a file in the format of libpcap with nanoseconds, which tcpdump, tshark and Wireshark read. Each frame is in the file
/// when the call returns. Thread contract: all members from any thread.
/// </summary>
public sealed class PcapWriter : IDisposable
{
    private const uint NanosecondMagic = 0xA1B2_3C4D;
    private const uint SnapLength = 256 << 10;
    private const uint LinkTypeEthernet = 1;
    private const int FileHeader = 24, RecordHeader = 16;

    private readonly Lock _gate = new();
    private readonly FileStream _file;
    private readonly Action<string> _log;
    private readonly byte[] _record = new byte[RecordHeader + VnetHeader.MaxFrame];
    private bool _failed;

    /// <summary>Creates the file, in the place of one that is there.</summary>
    /// <param name="path">Path of the file.</param>
    /// <param name="log">Receives one line when it can not be written any more.</param>
    /// <exception cref="IOException">The file can not be created.</exception>
    /// <exception cref="UnauthorizedAccessException">The file can not be created.</exception>
    public PcapWriter(string path, Action<string> log)
    {
        _log = log;
        // Unbuffered, so that whoever follows the file sees all of it and a killed machine loses none.
        _file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);
        Span<byte> header = stackalloc byte[FileHeader];
        header.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(header, NanosecondMagic);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], 2);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], 4);
        BinaryPrimitives.WriteUInt32LittleEndian(header[16..], SnapLength);
        BinaryPrimitives.WriteUInt32LittleEndian(header[20..], LinkTypeEthernet);
        _file.Write(header);
    }

    /// <summary>Adds a frame; a checksum that is left to do is done in the file.</summary>
    /// <param name="wallClockNs">Nanoseconds since 1970.</param>
    /// <param name="frame">The frame, no longer than <see cref="VnetHeader.MaxFrame"/>.</param>
    /// <param name="offload">What is left to do.</param>
    public void Write(long wallClockNs, ReadOnlySpan<byte> frame, in NetOffload offload)
    {
        lock (_gate)
        {
            if (_failed) return;
            BinaryPrimitives.WriteUInt32LittleEndian(_record, (uint)(wallClockNs / 1_000_000_000));
            BinaryPrimitives.WriteUInt32LittleEndian(_record.AsSpan(4), (uint)(wallClockNs % 1_000_000_000));
            BinaryPrimitives.WriteUInt32LittleEndian(_record.AsSpan(8), (uint)frame.Length);
            BinaryPrimitives.WriteUInt32LittleEndian(_record.AsSpan(12), (uint)frame.Length);
            Span<byte> copy = _record.AsSpan(RecordHeader, frame.Length);
            frame.CopyTo(copy);
            NetChecksum.Complete(copy, offload);
            try
            {
                _file.Write(_record, 0, RecordHeader + frame.Length);
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
                _failed = true;
                if (e is IOException) _log($"--pcap {_file.Name}: {e.Message}; the capture ends here");
            }
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        lock (_gate) _file.Dispose();
    }
}
