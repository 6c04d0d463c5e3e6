// The report: reads what was written into its page and shows it.

import { VIEW_HINT, toggle, viewControls } from "necgs/controls";
import { el } from "necgs/dom";
import { known, lastPart, percent, plural, printable, significant } from "necgs/format";
import { unpackMesh } from "necgs/mesh";
import { SceneView } from "necgs/scene";
import { bytesSection, errorSection, leftOutSection, rateSection, section, summarySection, tableSection } from "necgs/sections";

const SLIDER_STEPS = 400;
const SLIDER_DECADES = 2.5; // the colour scale's end can be moved by so much below the largest error

/** Fills `main`. data: see html.py; packed(id): the bytes of an embedded mesh. */
export function showReport(main, { comparison, scenes, ramp }, packed) {
  const viewer = scenes.length ? sceneSection(comparison, scenes, ramp, packed) : null;
  const hasView = (model) => viewer !== null && viewer.find(model) >= 0;
  const show = (model) => {
    viewer.choose(viewer.find(model));
    viewer.element.scrollIntoView();
  };
  const table = tableSection(comparison, hasView, show);
  const toTable = ({ name }) => {
    table.find(name);
    table.element.scrollIntoView();
  };
  const pointAt = (name) => {
    const model = comparison.models.find((each) => each.name === name);
    if (model) hasView(model) ? show(model) : toTable(model);
  };
  const set = comparison.set === "-" ? "" : String(comparison.set ?? ""); // a set from a stream has no name
  const header = el("header", {}, el("h1", { textContent: printable(lastPart(set)) || "A set of models" }), el("p", { textContent: `Compression report of ${plural(comparison.models.length, "model")}` }));
  const plots = el("div", { class: "pair" }, rateSection(comparison, pointAt), errorSection(comparison));
  const parts = [summarySection(comparison, toTable), leftOutSection(comparison), plots, viewer?.element, table.element, bytesSection(comparison)];
  main.replaceChildren(header, ...parts.filter(Boolean), words(comparison.notes ?? []));
}

/** The 3D part. find(model) gives the number of its scene or -1, choose(number) shows one. */
function sceneSection({ models }, scenes, ramp, packed) {
  const host = el("div", { class: "view pair-view" });
  const view = new SceneView(host);
  const legend = errorLegend(view, ramp);
  const caption = el("p", { class: "scene-caption", role: "status" });
  const modelOf = (scene) => models.find((model) => (known(scene.id) ? model.id === scene.id : model.name === scene.name));
  const find = (model) => scenes.findIndex((scene) => modelOf(scene) === model);
  let latest = 0;

  async function choose(number) {
    const turn = ++latest;
    tabs.forEach((tab, i) => tab.setAttribute("aria-pressed", String(i === number)));
    const scene = scenes[number];
    try {
      const [original, decoded] = await Promise.all(["original", "decoded"].map((side) => unpackMesh(packed(`scene-${number}-${side}`))));
      if (turn !== latest) return;
      const side = Math.max(...original.about.high.map((high, axis) => high - original.about.low[axis]));
      const title = (what, { about }) => `${what}: ${plural(about.source_faces, "triangle")}`;
      view.show([{ label: title("original", original), mesh: original }, { label: title("decoded", decoded), mesh: decoded }], ramp);
      legend.fit([original, decoded], side, scene.unit);
      caption.textContent = captionOf(scene, modelOf(scene), side);
    } catch (error) {
      view.clear();
      view.say(`This model cannot be shown: ${error.message}`);
    }
  }

  const tabs = scenes.map((scene, number) => {
    const model = modelOf(scene);
    const about = model && known(model.p2s) ? el("small", { textContent: percent(model.p2s) }) : null;
    const tab = el("button", { type: "button", class: "toggle", "aria-pressed": "false" }, el("span", { textContent: printable(scene.name) }), about);
    tab.addEventListener("click", () => choose(number));
    return tab;
  });
  const colours = toggle("Colour by error", true, (on) => legend.show(on));
  const choice = el("div", { class: "tabs", role: "group", "aria-label": "Models in 3D" }, tabs);
  const tools = el("div", { class: "tools" }, colours, viewControls(view), el("span", { class: "hint", textContent: VIEW_HINT }));
  const about = "Colours show the distance of each surface to the other one. Both views turn together.";
  const element = section("scenes", "Original and decoded", about, choice, host, legend.element, tools, caption);
  choose(0);
  return { element, find, choose };
}

function captionOf(scene, model, side) {
  const parts = [printable(scene.name), scene.note];
  if (known(side)) parts.push(`longest side ${significant(side, 4)} ${scene.unit}`);
  if (model) parts.push(`mean error ${percent(model.p2s)}`, `largest ${percent(model.max_error)} of the longest side`);
  return parts.filter(Boolean).join(" · ");
}

/** The colours and what they mean; its slider moves the end of the scale. */
function errorLegend(view, ramp) {
  const title = el("p", { class: "ramp-title" });
  const ticks = el("div", { class: "legend-ticks" });
  const slider = el("input", { type: "range", min: 0, max: SLIDER_STEPS, "aria-label": "End of the colour scale" });
  const bar = el("div", { class: "ramp" });
  bar.style.background = `linear-gradient(to right, ${ramp.join(",")})`;
  const label = el("label", { class: "scale-end" }, "End of the scale ", slider);
  const element = el("div", { class: "error-legend" }, el("div", { class: "ramp-box" }, title, bar, ticks), label);
  let [largest, side, unit, shown] = [1, 1, "", true];

  const endAt = (position) => largest * 10 ** (SLIDER_DECADES * (position / SLIDER_STEPS - 1));
  function apply() {
    const end = endAt(Number(slider.value));
    const said = [0, 0.5, 1].map((share) => {
      const length = share * end;
      const percentage = `${significant((100 * length) / side, 2)} %`;
      const more = share === 1 && end < 0.999 * largest ? " or more" : "";
      return el("span", {}, `${significant(length, 2)}${more}`, el("small", { textContent: percentage }));
    });
    title.textContent = `Distance to the other surface, ${unit} (below: % of the longest side)`;
    ticks.replaceChildren(...said);
    slider.setAttribute("aria-valuetext", `${significant(end, 2)} ${unit}`);
    view.setErrorEnd(shown ? end : null);
  }
  slider.addEventListener("input", apply);

  return {
    element,
    show(on) {
      element.hidden = !(shown = on);
      apply();
    },
    /** Sets the scale for these meshes: its end is where 99 % of their vertices lie below. */
    fit(meshes, longestSide, name) {
      const errors = Float32Array.from(meshes.flatMap(({ error }) => Array.from(error ?? [])));
      errors.sort();
      const above = errors.length ? errors[Math.floor(0.99 * (errors.length - 1))] : 0;
      [side, unit] = [longestSide || 1, name];
      largest = errors.at(-1) || 1e-6 * side;
      slider.value = SLIDER_STEPS * (1 + Math.log10(Math.max(above, 1e-30) / largest) / SLIDER_DECADES);
      apply();
    },
  };
}

/** What the words of the report mean, and what its maker has to add. */
function words(notes) {
  const terms = [
    ["Mean error", "mean exact distance between original and decoded surface, from points spread evenly over each to the other, both ways averaged"],
    ["99 % below, largest", "of the distances between the surfaces, both ways"],
    ["Normals", "mean |cos| of the angle between the normals of nearest points; 1 is best"],
    ["Chamfer, F1", "of points drawn on both surfaces, where the longest side is 2; F1 at distances of 0.005 and 0.01; in brackets what two drawings of the original reach"],
    ["Record", "the bytes that a model has for itself in the file; the file adds what models share, names and checksums"],
    ["Files on disk", "the mesh files as they were given, with whatever else they hold"],
    ["Raw binary", "12 bytes a vertex (three 32-bit floats) and 12 bytes a triangle (three 32-bit indices)"],
    ["Bytes", "1 KB is 1,000 bytes"],
  ];
  const list = terms.flatMap(([term, text]) => [el("dt", { textContent: term }), el("dd", { textContent: text })]);
  const said = notes.map((text) => el("p", { textContent: printable(text) }));
  return el("footer", {}, el("h2", { textContent: "Words" }), el("dl", { class: "words" }, list), said);
}
