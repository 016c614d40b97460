using System.Runtime.CompilerServices;
using Doppel.Devices.Backends.Block;
using Doppel.Host;

namespace Doppel.UnitTests.Disks;

/// <summary>Memory that only the host still uses: the garbage collector comes in the middle of a transfer.</summary>
public sealed class PinnedTransferTests
{
    private const int Length = 64 << 10;

    // Code that is not optimised keeps what it refers to until its end. Calls are counted after a pause, and the optimised code comes after another.
    private const int Phases = 4, RoundsOfPhase = 60;

    [Fact]
    public void Write_BufferThatNobodyNeedsAfterwards_StaysUntilTheEnd()
    {
        CollectingFile file = new();
        for (int round = 0; round < Phases * RoundsOfPhase; round++)
        {
            if (round % RoundsOfPhase == 0) Thread.Sleep(250);
            file.Collects = round % 10 == 0;
            WriteOnce(file);
            Assert.Equal(-1, file.Written.AsSpan().IndexOfAnyExcept((byte)7));
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void WriteOnce(CollectingFile file)
    {
        PinnedBuffer buffer = new(Length);
        buffer.Span.Fill(7);
        file.Write(0, buffer);
    }

    private sealed class CollectingFile : IImageFile
    {
        private readonly List<byte[]> _others = [];

        internal bool Collects { get; set; }

        internal byte[] Written { get; private set; } = [];

        public string Path => "collecting";

        public long Length => Written.Length;

        public void Write(long offset, ReadOnlySpan<HostBuffer> buffers)
        {
            if (Collects) Reuse();
            Written = buffers[0].AsSpan().ToArray();
        }

        public void Read(long offset, ReadOnlySpan<HostBuffer> buffers) => throw new NotSupportedException();

        public bool TryReadCached(long offset, ReadOnlySpan<HostBuffer> buffers) => false;

        public void Flush() => throw new NotSupportedException();

        public void SetLength(long length) => throw new NotSupportedException();

        public bool TryPunchHole(long offset, long length) => throw new NotSupportedException();

        public void Dispose()
        {
        }

        private void Reuse()
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true);
            _others.Clear();
            for (int i = 0; i < 20; i++)
            {
                byte[] other = GC.AllocateUninitializedArray<byte>(PinnedTransferTests.Length, pinned: true);
                other.AsSpan().Fill(0xEE);
                _others.Add(other);
            }
        }
    }
}
