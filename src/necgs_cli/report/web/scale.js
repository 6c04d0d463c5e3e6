// Axes: where a value stands, and which values get a tick.

import { svg } from "necgs/dom";

/** The least and the largest of any number of values; [Infinity, -Infinity] of none. */
export const extent = (values) =>
  values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);

/** A logarithmic axis for positive values, from pixel `start` to pixel `end`. */
export function logScale(values, start, end) {
  const positive = values.filter((value) => value > 0);
  let [low, high] = extent(positive);
  if (!positive.length) [low, high] = [0.1, 1];
  const room = Math.max((high / low) ** 0.06, high / low < 1.5 ? 1.6 : 1.12);
  [low, high] = [low / room, high * room];
  const at = (value) => {
    const share = Math.log(Math.max(value, low) / low) / Math.log(high / low); // zero stands at the axis' start
    return start + share * (end - start);
  };
  return { at, ticks: logTicks(low, high, Math.abs(end - start)), low };
}

/** Decades, with 2 and 5 between them where there is room. */
function logTicks(low, high, pixels) {
  const all = (steps) => {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
      for (const step of steps) {
        const value = Number(`${step}e${power}`);
        if (value >= low && value <= high) found.push(value);
      }
    return found;
  };
  const most = Math.max(2, pixels / 52);
  const choices = [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 5], [1, 3], [1]].map(all);
  const decades = choices.at(-1);
  const fitting = choices.slice(1).find((ticks) => ticks.length <= most && ticks.length > 1);
  if (fitting) return fitting;
  return decades.length > most ? decades.filter((_, i) => i % Math.ceil(decades.length / most) === 0) : choices[0].slice(0, most);
}

/** Whole numbers from 0 on, at most about `most`, that reach `high`. */
export function countTicks(high, most = 5) {
  const raw = Math.max(high, 1) / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = Math.max(1, [1, 2, 5, 10].map((s) => s * power).find((s) => s >= raw));
  return Array.from({ length: Math.ceil(Math.max(high, 1) / step) + 1 }, (_, i) => i * step);
}

/** The frame of a plot: grid lines, ticks and the names of both axes. */
export function axes({ width, height, margin, x, y, xTicks, yTicks, xText, yText, xLabel, yLabel }) {
  const bottom = height - margin.bottom;
  const right = width - margin.right;
  const parts = [];
  for (const value of yTicks) {
    parts.push(svg("line", { class: "grid", x1: margin.left, x2: right, y1: y(value), y2: y(value) }));
    parts.push(svg("text", { class: "tick", x: margin.left - 7, y: y(value) + 4, "text-anchor": "end" }, yText(value)));
  }
  for (const value of xTicks) {
    parts.push(svg("line", { class: "grid", x1: x(value), x2: x(value), y1: margin.top, y2: bottom }));
    parts.push(svg("text", { class: "tick", x: x(value), y: bottom + 17, "text-anchor": "middle" }, xText(value)));
  }
  parts.push(svg("line", { class: "axis", x1: margin.left, x2: right, y1: bottom, y2: bottom }));
  parts.push(svg("line", { class: "axis", x1: margin.left, x2: margin.left, y1: margin.top, y2: bottom }));
  parts.push(svg("text", { class: "axis-name", x: right, y: height - 6, "text-anchor": "end" }, xLabel));
  parts.push(svg("text", { class: "axis-name", x: 2, y: 12 }, yLabel));
  return svg("g", { "aria-hidden": "true" }, parts);
}
