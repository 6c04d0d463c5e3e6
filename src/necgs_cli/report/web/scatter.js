// Points on two logarithmic axes, in series that differ by colour and by shape.

import { el, onWidth, svg } from "necgs/dom";
import { axes, extent, logScale } from "necgs/scale";

const SHAPES = [
  "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0Z",
  "M-4 -4H4V4H-4Z",
  "M0 -5.2L5 3.8H-5Z",
  "M0 -5.6L5.6 0L0 5.6L-5.6 0Z",
  "M-1.7 -5H1.7V-1.7H5V1.7H1.7V5H-1.7V1.7H-5V-1.7H-1.7Z",
  "M0 5.2L5 -3.8H-5Z",
];
const REACH = 26; // pixels from the pointer within which a point is meant
const CROWDED = 300; // hollow marks; more of them are drawn paler
const HEIGHT = 340;
const MARGIN = { left: 62, right: 14, top: 26, bottom: 44 };

/**
 * Draws a plot into `host`.
 * series: [{ name, hollow, points: [{ x, y, group, text }] }]; points of one group belong to one model, and those of
 * hollow series are joined to a line while the group is pointed at. choose(point) is called for a click or Enter.
 */
export function scatter(host, { series, xLabel, yLabel, xText, yText, summary, choose }) {
  const plot = el("div", { class: "plot" });
  const tip = el("div", { class: "tip", hidden: true, role: "status" });
  const hidden = new Set();
  let points = [];
  let current = -1;
  let marks = null;

  const draw = (width) => {
    const shown = series.map((each, index) => ({ ...each, index })).filter(({ index }) => !hidden.has(index));
    const all = shown.flatMap((each) => each.points.map((point) => ({ ...point, series: each })));
    const x = logScale(all.map((point) => point.x), MARGIN.left, width - MARGIN.right);
    const y = logScale(all.map((point) => point.y), HEIGHT - MARGIN.bottom, MARGIN.top);
    points = all.map((point) => ({ ...point, left: x.at(point.x), top: y.at(point.y) })).sort((a, b) => a.left - b.left);
    current = -1;
    tip.hidden = true;
    const crowded = all.filter((point) => point.series.hollow).length > CROWDED;
    marks = svg("g", { class: crowded ? "marks crowded" : "marks" });
    const symbols = points.map((point) => symbol(point.series.index, point.series.hollow, point.left, point.top));
    points.forEach((point, i) => (point.mark = symbols[i]));
    // Hollow ones first, so that they never hide a model of this set.
    marks.append(...points.filter((p) => p.series.hollow).map((p) => p.mark), ...points.filter((p) => !p.series.hollow).map((p) => p.mark));
    const frame = { width, height: HEIGHT, margin: MARGIN, x: x.at, y: y.at, xTicks: x.ticks, yTicks: y.ticks };
    const size = { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}` };
    const about = { role: "img", tabindex: 0, "aria-label": `${summary} Left and right arrow keys go through the points.` };
    const drawing = svg("svg", { ...size, ...about }, axes({ ...frame, xText, yText, xLabel, yLabel }), marks);
    listen(drawing);
    plot.replaceChildren(drawing, tip);
  };

  const pointAt = (index) => {
    current = index;
    marks.querySelectorAll(".near").forEach((each) => each.classList.remove("near"));
    marks.querySelectorAll(".joined").forEach((each) => each.remove());
    tip.hidden = index < 0;
    if (index < 0) return;
    const { left, top, text, group, mark } = points[index];
    for (const one of points) if (one.group === group) one.mark.classList.add("near");
    mark.classList.add("near");
    marks.prepend(...joined(points.filter((one) => one.group === group && one.series.hollow)));
    tip.textContent = text;
    tip.style.left = `${Math.max(0, Math.min(left + 12, plot.clientWidth - tip.offsetWidth - 4))}px`;
    tip.style.top = `${top > HEIGHT / 2 ? top - tip.offsetHeight - 12 : top + 12}px`;
  };

  const listen = (drawing) => {
    drawing.addEventListener("pointermove", (event) => {
      const box = drawing.getBoundingClientRect();
      const distances = points.map((p) => Math.hypot(p.left - event.clientX + box.left, p.top - event.clientY + box.top));
      const nearest = distances.indexOf(extent(distances)[0]);
      const found = distances[nearest] < REACH ? nearest : -1;
      if (found !== current) pointAt(found);
    });
    drawing.addEventListener("pointerleave", () => pointAt(-1));
    drawing.addEventListener("blur", () => pointAt(-1));
    drawing.addEventListener("click", () => current >= 0 && choose(points[current]));
    drawing.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const from = current < 0 && step < 0 ? 0 : current;
      if (step && points.length) pointAt((from + step + points.length) % points.length);
      else if (event.key === "Enter" && current >= 0) choose(points[current]);
      else if (event.key === "Escape") pointAt(-1);
      else return;
      event.preventDefault();
    });
  };

  host.append(legend(series, hidden, () => plot.clientWidth && draw(plot.clientWidth)), plot);
  onWidth(plot, draw);
}

/** A list of the series whose buttons show and hide them. */
function legend(series, hidden, redraw) {
  const items = series.map(({ name, hollow, points }, index) => {
    const sample = svg("svg", { class: "marks", width: 16, height: 16, "aria-hidden": "true" }, symbol(index, hollow, 8, 8));
    const button = el("button", { type: "button", class: "key", "aria-pressed": "true" }, sample, `${name} (${points.length})`);
    button.addEventListener("click", () => {
      if (!hidden.delete(index)) hidden.add(index);
      button.setAttribute("aria-pressed", String(!hidden.has(index)));
      redraw();
    });
    return el("li", {}, button);
  });
  return el("ul", { class: "legend" }, items);
}

function symbol(index, hollow, x, y) {
  const shape = SHAPES[index % SHAPES.length];
  return svg("path", { class: `series-${index % SHAPES.length}${hollow ? " hollow" : ""}`, d: shape, transform: `translate(${x} ${y})` });
}

/** For each series, the line through its points. */
function joined(points) {
  const lines = new Map();
  for (const one of points) lines.set(one.series, [...(lines.get(one.series) ?? []), `${one.left},${one.top}`]);
  return [...lines].map(([series, places]) =>
    svg("polyline", { class: `joined hollow series-${series.index % SHAPES.length}`, points: places.join(" ") }),
  );
}
