using System.Globalization;
using System.Text;
using Doppel.GuestBench.Cases;
using Doppel.GuestBench.Running;

namespace Doppel.GuestBench.Reports;

/// <summary>The speeds as a picture: a bar for each case and engine on a logarithmic axis, the reference at one.</summary>
internal sealed class SvgChart
{
    private const int Left = 150, Right = 70, Top = 64, Bar = 11, Gap = 9, PlotWidth = 620;
    private static readonly string[] s_colours = ["#2f6fb0", "#d9822b", "#8a8f98", "#4f9d69"];
    private static readonly double[] s_ticks = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100];
    private readonly SuiteResult _result;
    private readonly EngineKind[] _engines;
    private readonly double _low;
    private readonly double _high;
    private readonly StringBuilder _svg = new();

    private SvgChart(SuiteResult result)
    {
        _result = result;
        _engines = [.. result.Engines.Where(engine => engine != result.Reference)];
        double[] speeds = [.. from bench in result.Cases from engine in _engines let s = result.Speed(bench, engine) where s > 0 select s.Value];
        _low = s_ticks.LastOrDefault(tick => tick <= speeds.Append(0.5).Min(), s_ticks[0]);
        _high = s_ticks.FirstOrDefault(tick => tick >= speeds.Append(2).Max(), s_ticks[^1]);
    }

    /// <summary>The picture.</summary>
    public static string Render(SuiteResult result, HostDescription host) => new SvgChart(result).Draw(host);

    private string Draw(HostDescription host)
    {
        List<(string Label, Func<EngineKind, double?> Speed, bool Mean)> rows =
        [
            .. _result.Cases.Select(bench => (bench.Name, (Func<EngineKind, double?>)(engine => _result.Speed(bench, engine)), false)),
            .. Means(),
        ];
        int rowHeight = Math.Max(1, _engines.Length) * Bar + Gap, height = Top + rows.Count * rowHeight + 34, width = Left + PlotWidth + Right;
        Write($"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n");
        Write($"<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n");
        Write($"<text x=\"12\" y=\"20\" font-size=\"14\" font-weight=\"bold\">Speed in processor time, {Reference} = 1 (longer is faster)</text>\n");
        Write($"<text x=\"12\" y=\"36\" fill=\"#555555\">{Escape(host.Processor)}; {Escape(host.Guest)}</text>\n");
        DrawLegend();
        DrawAxis(height);
        for (int i = 0; i < rows.Count; i++) DrawRow(rows[i].Label, rows[i].Speed, rows[i].Mean, Top + i * rowHeight);
        return _svg.Append("</svg>\n").ToString();
    }

    private string Reference => _result.Reference == EngineKind.Qemu ? "QEMU" : TableReport.Name(_result.Reference);

    private IEnumerable<(string Label, Func<EngineKind, double?> Speed, bool Mean)> Means() =>
        _result.Cases.Select(bench => (CaseGroup?)bench.Group).Distinct().Order().Append(null).Select(group =>
            (group is { } one ? $"mean {TableReport.Name(one)}" : "mean of all",
                (Func<EngineKind, double?>)(engine => _result.MeanSpeed(engine, group)), true));

    private void DrawLegend()
    {
        for (int i = 0; i < _engines.Length; i++)
        {
            int x = Left + i * 90;
            Write($"<rect x=\"{x}\" y=\"45\" width=\"10\" height=\"10\" fill=\"{s_colours[i]}\"/>");
            Write($"<text x=\"{x + 15}\" y=\"54\">{TableReport.Name(_engines[i])}</text>\n");
        }
    }

    private void DrawAxis(int height)
    {
        foreach (double tick in s_ticks.Where(tick => tick >= _low && tick <= _high))
        {
            string colour = tick.Equals(1) ? "#333333" : "#dddddd";
            Write($"<line x1=\"{X(tick):F1}\" y1=\"{Top - 4}\" x2=\"{X(tick):F1}\" y2=\"{height - 26}\" stroke=\"{colour}\"/>");
            Write($"<text x=\"{X(tick):F1}\" y=\"{height - 12}\" text-anchor=\"middle\" fill=\"#555555\">{tick}</text>\n");
        }
    }

    private void DrawRow(string label, Func<EngineKind, double?> speed, bool mean, int y)
    {
        string weight = mean ? " font-weight=\"bold\"" : "";
        Write($"<text x=\"{Left - 8}\" y=\"{y + _engines.Length * Bar / 2 + 4}\" text-anchor=\"end\"{weight}>{label}</text>\n");
        for (int i = 0; i < _engines.Length; i++)
        {
            if (speed(_engines[i]) is not { } value) continue;
            double from = Math.Min(X(1), X(value)), to = Math.Max(X(1), X(value));
            Write($"<rect x=\"{from:F1}\" y=\"{y + i * Bar}\" width=\"{to - from:F1}\" height=\"{Bar - 1}\" fill=\"{s_colours[i]}\"/>");
            Write($"<text x=\"{to + 4:F1}\" y=\"{y + i * Bar + Bar - 2}\" font-size=\"9\"{weight}>{value:F2}</text>\n");
        }
    }

    private double X(double speed) => Left + PlotWidth * Math.Log(Math.Clamp(speed, _low, _high) / _low) / Math.Log(_high / _low);

    private void Write(FormattableString text) => _svg.Append(text.ToString(CultureInfo.InvariantCulture));

    private static string Escape(string text) =>
        text.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal);
}
