// How many values lie where, on a logarithmic axis.

import { onWidth, svg } from "necgs/dom";
import { axes, countTicks, extent, logScale } from "necgs/scale";

const HEIGHT = 340;
const MARGIN = { left: 46, right: 14, top: 26, bottom: 44 };


/** Draws the values (zeros count to the first bin) into `host`; marks: [{ value, text }] are lines across. */
export function histogram(host, { values, marks, xLabel, yLabel, xText, binText, summary }) {
  onWidth(host, (width) => {
    const bins = logBins(values);
    const top = Math.max(...bins.map((bin) => bin.count), 1);
    const yTicks = countTicks(top);
    const x = logScale(bins.flatMap((bin) => [bin.from, bin.to]), MARGIN.left, width - MARGIN.right);
    const bottom = HEIGHT - MARGIN.bottom;
    const y = (count) => bottom - (count / yTicks.at(-1)) * (bottom - MARGIN.top);
    const bars = bins.map(({ from, to, count }) => {
      const left = x.at(from) + 0.5;
      const box = { x: left, width: Math.max(x.at(to) - left - 0.5, 1), y: y(count), height: bottom - y(count) };
      return svg("rect", { class: "bar", ...box }, svg("title", {}, binText(from, to, count)));
    });
    const lines = marks.flatMap(({ value, text }) => {
      const place = x.at(value);
      const side = place > width * 0.6 ? { x: place - 5, "text-anchor": "end" } : { x: place + 5 };
      return [
        svg("line", { class: "mark", x1: place, x2: place, y1: MARGIN.top, y2: bottom }),
        svg("text", { class: "mark-name", y: MARGIN.top + 12, ...side }, text),
      ];
    });
    const frame = axes({
      ...{ width, height: HEIGHT, margin: MARGIN, x: x.at, y, xTicks: x.ticks, yTicks, xText, yText: String },
      ...{ xLabel, yLabel },
    });
    const about = { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": summary };
    host.replaceChildren(svg("svg", about, frame, ...bars, ...lines));
  });
}

/** Bins of equal width on the logarithmic axis, more and finer ones the more values there are. */
function logBins(values) {
  const positive = values.filter((value) => value > 0);
  const [low, high] = positive.length ? extent(positive) : [0.1, 0.1];
  const decades = Math.log10(high / low);
  const most = Math.min(Math.max(3 * Math.sqrt(values.length), 8), 40);
  const each = [100, 50, 20, 10, 5, 2].find((count) => decades * count <= most) ?? most / decades;
  const index = (value) => Math.floor(Math.log10(value) * each + 1e-9);
  const first = index(low);
  const bins = Array.from({ length: index(high) - first + 1 }, (_, i) => {
    const edge = (place) => 10 ** ((first + place) / each);
    return { from: edge(i), to: edge(i + 1), count: 0 };
  });
  for (const value of values) bins[value > 0 ? index(value) - first : 0].count += 1;
  return bins;
}
