using Doppel.Devices.Backends.Net;

namespace Doppel.UnitTests.Devices.UserNet;

/// <summary>A cable that loses, doubles and swaps frames, by a seed. Frames of both directions go through it.</summary>
/// <param name="seed">Of the random numbers.</param>
/// <param name="loss">Share of frames that are lost.</param>
/// <param name="reorder">Share of frames that are overtaken by the next one.</param>
/// <param name="duplicate">Share of frames that come twice.</param>
internal sealed class NetImpairer(int seed, double loss, double reorder, double duplicate)
{
    private readonly Random _random = new(seed);
    private readonly Dictionary<NetFrameHandler, (byte[] Frame, NetOffload Offload)> _late = [];
    private readonly Lock _gate = new();

    internal int Lost { get; private set; }

    internal void Pass(ReadOnlySpan<byte> frame, in NetOffload offload, NetFrameHandler next)
    {
        lock (_gate)
        {
            double dice = _random.NextDouble();
            if (dice < loss)
            {
                Lost++;
                return;
            }
            if (dice < loss + reorder && !_late.ContainsKey(next))
            {
                _late[next] = (frame.ToArray(), offload);
                return;
            }
            next(frame, offload);
            if (dice > 1 - duplicate) next(frame, offload);
            if (_late.Remove(next, out (byte[] Frame, NetOffload Offload) late)) next(late.Frame, late.Offload);
        }
    }
}
