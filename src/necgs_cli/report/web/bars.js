// Parts of a whole: one bar, and a table with the numbers.

import { el } from "necgs/dom";
import { bytes, count } from "necgs/format";

const COLOURS = 6;

/** Parts [{ label, bytes }] that add up to `total` bytes. */
export function stackedBar(parts, total) {
  const share = (part) => (total > 0 ? (100 * part.bytes) / total : 0);
  const ordered = [...parts].sort((a, b) => b.bytes - a.bytes);
  const segments = ordered.map((part, i) => {
    const segment = el("div", { class: `segment colour-${i % COLOURS}`, title: `${part.label}: ${bytes(part.bytes)}` });
    segment.style.flexGrow = part.bytes;
    return segment;
  });
  const rows = ordered.map((part, i) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, el("span", { class: `swatch colour-${i % COLOURS}` }), part.label),
      el("td", { textContent: count(part.bytes) }),
      el("td", { textContent: `${share(part).toFixed(1)} %` }),
    ),
  );
  const sum = ["file", count(total), total > 0 ? "100.0 %" : ""];
  const foot = el("tr", {}, el("th", { scope: "row", textContent: sum[0] }), ...sum.slice(1).map((text) => el("td", { textContent: text })));
  const head = ["part", "bytes", "share"].map((text) => el("th", { scope: "col", textContent: text }));
  const table = el("table", { class: "parts" }, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows), el("tfoot", {}, foot));
  return el("div", { class: "where" }, el("div", { class: "stack", "aria-hidden": "true" }, segments), table);
}
