// The viewer: browses the models of a set that a local server decodes on demand.

import { VIEW_HINT, viewControls } from "necgs/controls";
import { debounced, el } from "necgs/dom";
import { bytes, count, kindName, known, lastPart, percent, plural, printable, significant } from "necgs/format";
import { unpackMesh } from "necgs/mesh";
import { SceneView } from "necgs/scene";
import { Thumbnails } from "necgs/thumbnails";

const AT_ONCE = 200; // cards are made as the list is scrolled, so many at a time
const ORDERS = {
  "in the order of the set": () => 0,
  "by name": (a, b) => NAMES.compare(a.name, b.name),
  "largest first": (a, b) => b.bytes - a.bytes,
  "worst first": (a, b) => (b.p2s ?? -1) - (a.p2s ?? -1),
};
const UNITS = "Bytes of each record, and mean error in % of the longest side.";
const NAMES = new Intl.Collator("en", { numeric: true });

/** An answer of the server; its reason becomes an error. */
async function ask(path) {
  const answer = await fetch(path).catch(() => null);
  if (!answer) throw new Error("the viewer was stopped: start necgs view again");
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).reason ?? `the server answered ${answer.status}`);
  return answer;
}

function start(set) {
  const chosen = detailPane(set);
  const list = listPane(set, (model) => {
    history.replaceState(null, "", `#${model.id}`);
    chosen.show(model);
    list.mark(model.id);
  });
  const size = el("p", { textContent: `${plural(set.models.length, "model")}, ${bytes(set.file_bytes)}` });
  const header = el("header", { class: "bar-top" }, el("h1", { textContent: printable(lastPart(set.path)) }), size, list.find);
  if (set.warning) header.append(el("p", { class: "warning", textContent: `This file is not whole: ${set.warning}` }));
  document.body.replaceChildren(header, list.element, chosen.element);
  const asked = set.models[/^#\d+$/.test(location.hash) ? Number(location.hash.slice(1)) : -1];
  if (asked) {
    chosen.show(asked);
    list.mark(asked.id);
  }
}

/** The list of models with its search and order. choose(model) is called for the one that is clicked. */
function listPane(set, choose) {
  const search = el("input", { type: "search", placeholder: "Search by name", "aria-label": "Search models by name" });
  const order = el("select", { "aria-label": "Order" }, Object.keys(ORDERS).map((name) => el("option", { textContent: name })));
  const status = el("p", { role: "status", class: "hint" });
  const cards = el("ul", { class: "cards" });
  const end = el("div", { class: "end" });
  const element = el("main", { class: "list", "aria-label": "Models" }, status, cards, end);
  const thumbnails = new Thumbnails(element, async (id) => {
    const picture = await ask(`api/models/${id}/thumbnail`);
    return URL.createObjectURL(await picture.blob());
  });
  let found = [];
  let current = -1;

  function card(model) {
    const picture = el("span", { class: "picture", "aria-hidden": "true" });
    const figures = [known(model.bytes) && `${count(model.bytes)} B`, known(model.p2s) && percent(model.p2s)];
    const label = el("span", { class: "label", textContent: printable(model.name) });
    const button = el("button", { type: "button", class: "card", title: printable(model.name), "data-id": model.id }, picture, label, el("span", { class: "figures", textContent: figures.filter(Boolean).join(" · ") }));
    button.tabIndex = -1;
    if (model.id === current) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => choose(model));
    if (model.reason === null) thumbnails.watch(picture, model.id);
    else Object.assign(picture, { textContent: "cannot be shown", title: model.reason });
    return el("li", {}, button);
  }

  function more() {
    const from = cards.childElementCount;
    cards.append(...found.slice(from, from + AT_ONCE).map(card));
    reachable();
  }

  /** One card takes part in the order of the Tab key: the chosen one, or else the first. */
  function reachable() {
    const all = [...cards.querySelectorAll(".card")];
    const one = all.find((each) => each === document.activeElement) ?? all.find((each) => Number(each.dataset.id) === current) ?? all[0];
    for (const each of all) each.tabIndex = each === one ? 0 : -1;
  }

  function fill() {
    const wanted = search.value.trim().toLowerCase();
    found = set.models.filter((model) => model.name.toLowerCase().includes(wanted)).sort(ORDERS[order.value]);
    thumbnails.clear();
    cards.replaceChildren();
    element.scrollTop = 0;
    status.textContent = !set.models.length ? "This set holds no models." : !found.length ? "No model of that name." : wanted ? `${count(found.length)} of ${plural(set.models.length, "model")}` : UNITS;
    more();
  }

  cards.addEventListener("keydown", (event) => {
    const all = [...cards.querySelectorAll(".card")];
    const across = getComputedStyle(cards).gridTemplateColumns.split(" ").length;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across, Home: -all.length, End: all.length };
    const from = all.indexOf(document.activeElement);
    if (!(event.key in steps) || from < 0) return;
    event.preventDefault();
    all[Math.max(0, Math.min(all.length - 1, from + steps[event.key]))].focus();
    reachable();
  });
  new IntersectionObserver(([seen]) => seen.isIntersecting && cards.childElementCount < found.length && more(), { root: element, rootMargin: "600px" }).observe(end);
  search.addEventListener("input", debounced(fill, 120));
  order.addEventListener("change", fill);
  fill();
  return {
    element,
    find: el("div", { class: "find", role: "search" }, search, order),
    mark(id) {
      current = id;
      for (const each of cards.querySelectorAll(".card")) {
        if (Number(each.dataset.id) === id) each.setAttribute("aria-current", "true");
        else each.removeAttribute("aria-current");
      }
      reachable();
    },
  };
}

/** The chosen model in 3D, what the set says of it, and its downloads. */
function detailPane(set) {
  const title = el("h2", { tabIndex: -1 });
  const close = el("button", { type: "button", class: "close", textContent: "Close" });
  const host = el("div", { class: "view" });
  const facts = el("dl", { class: "facts" });
  const downloads = el("p", { class: "downloads" });
  const element = el("aside", { class: "detail", "aria-label": "Chosen model" });
  element.append(el("div", { class: "title" }, title, close), host);
  const view = new SceneView(host);
  const tools = el("div", { class: "tools", hidden: true }, viewControls(view), el("span", { class: "hint", textContent: VIEW_HINT }));
  element.append(tools, facts, downloads);
  view.say(set.models.length ? "Choose a model to see it in 3D." : "There is nothing to show.");
  let latest = 0;

  const back = () => {
    document.body.classList.remove("chosen");
    document.querySelector('.card[aria-current="true"]')?.focus();
  };
  close.addEventListener("click", back);
  element.addEventListener("keydown", (event) => event.key === "Escape" && back());

  async function show(model) {
    const turn = ++latest;
    title.textContent = printable(model.name);
    document.body.classList.add("chosen");
    if (getComputedStyle(close).display !== "none") title.focus();
    view.clear();
    view.say("Decoding");
    facts.replaceChildren(...rows(model, null));
    downloads.replaceChildren();
    tools.hidden = true;
    try {
      const answer = await ask(`api/models/${model.id}/mesh`);
      const mesh = await unpackMesh(new Uint8Array(await answer.arrayBuffer()));
      if (turn !== latest) return;
      view.show([{ label: "", name: printable(model.name), mesh }]);
      tools.hidden = false;
      facts.replaceChildren(...rows(model, mesh.about));
      const links = set.formats.map((format) => el("a", { class: "button", href: `api/models/${model.id}/file.${format}`, download: "", textContent: format.toUpperCase() }));
      downloads.replaceChildren("Download as ", ...links);
    } catch (error) {
      if (turn === latest) view.say(`This model cannot be shown: ${error.message}`);
    }
  }
  return { element, show };
}

/** What is known of a model; `about` is the header of its mesh, or null. */
function rows(model, about) {
  const facts = [
    ["id", count(model.id)],
    ["kind", kindName(model.kind)],
    ["record", `${count(model.bytes)} bytes`],
    ["mean error", known(model.p2s) ? `${percent(model.p2s)} of the longest side` : "not known"],
    ["largest", known(model.max_error) ? `${percent(model.max_error)} of the longest side` : "not known"],
  ];
  if (about) {
    facts.push(["surface", `${count(about.source_vertices)} vertices, ${count(about.source_faces)} triangles`]);
    const sides = about.high.map((high, axis) => significant(high - about.low[axis], 4));
    if (about.faces) facts.push(["size", `${sides.join(" × ")} source units (x × y × z)`]);
  }
  return facts.flatMap(([name, value]) => [el("dt", { textContent: name }), el("dd", { textContent: value })]);
}

ask("api/set")
  .then((answer) => answer.json())
  .then(start)
  .catch((error) => document.body.replaceChildren(el("p", { class: "nothing", textContent: `The set cannot be shown: ${error.message}` })));
