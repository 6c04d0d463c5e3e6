// The parts of a report that are made of numbers; see report.js for how they come together.

import { stackedBar } from "necgs/bars";
import { el } from "necgs/dom";
import { UNKNOWN, bytes, count, kindName, known, percent, percentOfSide, plural, printable, ratio, significant, tick } from "necgs/format";
import { histogram } from "necgs/histogram";
import { extent } from "necgs/scale";
import { scatter } from "necgs/scatter";
import { dataTable } from "necgs/table";

const PEERS = { draco: "Draco", "qem-draco": "Decimation + Draco", gpcc: "G-PCC" };

const peerName = (peer) => PEERS[peer] ?? peer;
const over = (a, b) => (known(a) && known(b) && b > 0 ? a / b : null);

/** A titled part of the page. */
export function section(id, title, about, ...content) {
  const heading = el("h2", { id: `${id}-title`, textContent: title });
  const text = about ? el("p", { class: "about", textContent: about }) : null;
  return el("section", { id, "aria-labelledby": `${id}-title` }, heading, text, ...content);
}

/** The figures of the whole set. */
export function summarySection({ summary, models, file_bytes: fileBytes }, toTable) {
  const measured = models.filter((model) => known(model.p2s));
  const worst = measured.reduce((a, b) => (a && a.p2s >= b.p2s ? a : b), null);
  const tiles = [
    tile("Models", count(summary.models ?? models.length), ""),
    tile("Compressed file", bytes(fileBytes), summary.models ? `${bytes(fileBytes / summary.models)} a model, all included` : ""),
    sizeTile("Against the files on disk", summary.ratio_disk, summary.source_bytes, "of mesh files"),
    sizeTile("Against raw binary", summary.ratio_raw, summary.raw_bytes, "at 12 bytes a vertex and 12 a triangle"),
    tile("Mean error", percent(summary.p2s), "of the longest side: mean distance between the surfaces"),
    tile("Largest distance", percent(summary.max_error), "of the longest side, anywhere on any model"),
  ];
  if (worst && models.length > 1) {
    const button = el("button", { type: "button", class: "link", textContent: printable(worst.name) });
    button.addEventListener("click", () => toTable(worst));
    tiles.push(tile("Worst model", percent(worst.p2s), el("span", {}, "mean error of ", button)));
  }
  for (const [peer, figures] of Object.entries(summary.peers ?? {})) tiles.push(peerTile(peer, figures ?? {}, models.length));
  return section("summary", "Summary", "", el("dl", { class: "tiles" }, tiles));
}

/** How many times smaller the file is than `before` bytes; that takes the originals of all its models. */
function sizeTile(name, times, before, what) {
  const whole = known(times) ? "" : "; no ratio, for the file holds models that were not compared";
  return tile(name, ratio(times), known(before) ? `${bytes(before)} ${what}${whole}` : "");
}

/** How many times the bytes another method needs for the same errors; where it has no figure for all, for those it has. */
function peerTile(peer, { bytes: total, ratio: whole, reached }, all) {
  const title = `${peerName(peer)} at equal error`;
  if (known(whole)) return tile(title, ratio(whole), `${bytes(total)} with that method, against this file`);
  if (!(reached?.models > 0)) return tile(title, UNKNOWN, "has no setting with these errors");
  const which = `on the ${reached.models} of ${plural(all, "model")} whose error it reaches`;
  return tile(title, ratio(reached.ratio), `${bytes(reached.bytes)} against ${bytes(reached.record_bytes)} of records, ${which}`);
}

function tile(name, value, note) {
  return el("div", { class: "tile" }, el("dt", { textContent: name }), el("dd", {}, el("strong", { textContent: value }), el("span", {}, note)));
}

/** Bytes against error, a mark for each model. */
export function rateSection({ models, peers = [] }, choose) {
  const measured = models.filter((model) => known(model.p2s) && model.record_bytes > 0);
  if (!measured.length) return empty("rate", "Bytes and error", "No model was measured.");
  const series = groups(measured, (model) => kindName(model.kind).replace(/, mirrored$/, "")).map(([name, found]) => ({ name, points: found.map(modelPoint) }));
  const usable = peers.filter((point) => known(point.p2s) && point.bytes > 0);
  for (const [name, found] of groups(usable, (point) => peerName(point.peer)))
    series.push({ name, hollow: true, points: found.map((point) => peerPoint(name, point)) });
  const host = el("div");
  scatter(host, {
    series,
    ...{ xLabel: "bytes of the record →", yLabel: "mean error, % of the longest side" },
    ...{ xText: bytes, yText: tick, choose: (point) => choose(point.group) },
    summary: `Plot of bytes against mean error of ${plural(measured.length, "model")}, both axes logarithmic.`,
  });
  const about = "Each mark is a model; left and low is better. What all models share is not in a record's bytes.";
  return section("rate", "Bytes and error", peers.length ? `${about} Hollow marks are other methods at several settings; point at a model to see its own.` : about, host);
}

const modelPoint = (model) => ({
  x: model.record_bytes,
  y: percentOfSide(model.p2s),
  group: model.name,
  text: `${printable(model.name)}\n${bytes(model.record_bytes)}, mean error ${percent(model.p2s)}`,
});

const peerPoint = (name, point) => ({
  x: point.bytes,
  y: percentOfSide(point.p2s),
  group: point.model,
  text: `${name}: ${printable(point.model)}\n${bytes(point.bytes)}, mean error ${percent(point.p2s)}`,
});

function groups(items, key) {
  const found = new Map();
  for (const item of items) found.set(key(item), [...(found.get(key(item)) ?? []), item]);
  return [...found];
}

/** How the errors are spread over the models. */
export function errorSection({ models, summary }) {
  const values = models.map((model) => percentOfSide(model.p2s)).filter(known);
  if (!values.length) return empty("errors", "Errors", "No model was measured.");
  if (values.every((value) => value === 0)) return empty("errors", "Errors", "All errors are 0.");
  const host = el("div", { class: "plot" });
  const mean = percentOfSide(summary.p2s);
  const [low, high] = extent(values);
  histogram(host, {
    values,
    marks: mean > 0 ? [{ value: mean, text: `mean ${percent(summary.p2s)}` }] : [],
    ...{ xLabel: "mean error, % of the longest side", yLabel: "models", xText: tick },
    binText: (from, to, models) => `${plural(models, "model")} from ${significant(from)} to ${significant(to)} %`,
    summary: `Histogram of the mean errors of ${plural(values.length, "model")}, from ${significant(low)} to ${significant(high)} % of the longest side.`,
  });
  return section("errors", "Errors", "How many models have which mean error.", host);
}

const empty = (id, title, text) => section(id, title, "", el("p", { class: "nothing", textContent: text }));

/** The parts of the file. */
export function bytesSection({ sections = [], file_bytes: fileBytes }) {
  const parts = sections.filter((part) => part.bytes > 0);
  if (!parts.length) return empty("bytes", "Where the bytes go", "The parts of the file are not known.");
  return section("bytes", "Where the bytes go", "The parts add up to the file.", stackedBar(parts, fileBytes));
}

/** All models; hasView(model) says which can be shown in 3D, show(model) does it. Returns { element, find(name) }. */
export function tableSection({ models, peers = [] }, hasView, show) {
  const columns = tableColumns(models, peers);
  const table = dataTable({
    ...{ columns, rows: models, caption: "All models", noun: "model", searched: (model) => model.name },
    sort: { key: "p2s", descending: true },
    rowAction: (model) => {
      if (!hasView(model)) return null;
      const button = el("button", { type: "button", class: "small", textContent: "3D", title: "Show in 3D" });
      button.addEventListener("click", () => show(model));
      return button;
    },
  });
  const about = "Errors and distances are shares of each model's longest side, unless a column says otherwise.";
  const element = section("models", "Models", about, models.length ? table.element : el("p", { class: "nothing", textContent: "No models." }));
  return { element, find: (name) => table.searchFor(name) };
}

function tableColumns(models, peers) {
  const number = (key, title, about, show, value = (model) => model[key]) => ({
    ...{ key, title, about, number: true, value, text: (model) => show(value(model)) },
  });
  const columns = [
    { key: "name", title: "Model", value: (model) => model.name, text: (model) => printable(model.name) },
    number("record_bytes", "Bytes", "of the model's record", count),
    number("p2s", "Mean error", "mean distance between the surfaces, both ways", percent),
    number("p99", "99 % below", "99th percentile of the distances", percent),
    number("max_error", "Largest", "largest distance", percent),
    number("mean_error", "Mean, source units", "mean error in the units of the model's file", (v) => significant(v)),
    number("ratio_disk", "Disk ratio", "bytes of the file on disk / bytes of the record", ratio, (m) => over(m.source_bytes, m.record_bytes)),
    number("ratio_raw", "Raw ratio", "raw binary / bytes of the record", ratio, (m) => over(m.raw_bytes, m.record_bytes)),
    ...peerNames(models, peers).map((peer) =>
      number(`peer-${peer}`, `${peerName(peer)}, bytes`, "bytes of that method at the same mean error", count, (m) => m.peers?.[peer]?.bytes_at_equal_error ?? null),
    ),
    number("normal_consistency", "Normals", "mean |cos| between normals; 1 is best", (v) => (known(v) ? v.toFixed(4) : UNKNOWN)),
    number("cd", "Chamfer", "Chamfer distance of point samples, longest side = 2; in brackets that of two samplings of the original itself", significant),
    number("f1_005", "F1 at 0.005", "F1 score at that distance (longest side = 2); in brackets that of two samplings of the original itself", significant),
    number("f1_01", "F1 at 0.01", "F1 score at that distance (longest side = 2); in brackets that of two samplings of the original itself", significant),
    { key: "kind", title: "Kind", value: (model) => kindName(model.kind), text: (model) => kindName(model.kind) },
  ];
  for (const key of ["cd", "f1_005", "f1_01"]) {
    const column = columns.find((one) => one.key === key);
    column.text = (model) => withFloor(model[key], model[`${key}_floor`]);
  }
  const always = new Set(["name", "kind", "record_bytes", "p2s"]);
  return columns.filter((column) => always.has(column.key) || models.some((model) => known(column.value(model))));
}

const peerNames = (models, peers) => [...new Set([...models.flatMap((model) => Object.keys(model.peers ?? {})), ...peers.map(({ peer }) => peer)])];

const withFloor = (value, floor) => {
  if (!known(value)) return UNKNOWN;
  return known(floor) ? `${value.toPrecision(3)} (${floor.toPrecision(3)})` : value.toPrecision(3);
};

/** What could not be compared, and why; null where nothing was left out. */
export function leftOutSection({ missing = [], skipped = [], unavailable = [] }) {
  if (!missing.length && !skipped.length && !unavailable.length) return null;
  const items = [
    ...missing.map((name) => ({ name, reason: "is not in the set" })),
    ...skipped,
    ...unavailable.map(({ peer, reason }) => ({ name: peerName(peer), reason })),
  ].map(({ name, reason }) => el("li", {}, el("strong", { textContent: printable(name) }), `: ${printable(reason)}`));
  return section("left-out", "Left out", "What could not be compared, and why.", el("ul", { class: "left-out" }, items));
}
