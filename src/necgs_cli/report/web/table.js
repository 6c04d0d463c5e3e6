// A table that can be sorted by any column and searched.

import { debounced, el } from "necgs/dom";
import { plural } from "necgs/format";

const AT_FIRST = 200; // rows; the rest on demand, so that thousands of models open quickly

/**
 * columns: [{ key, title, about, text(row), value(row), number }], the first one names the row.
 * rows: any objects; search looks at searched(row). rowAction(row) gives an element for the first cell, or null.
 * Returns { element, sortBy(key, descending) }.
 */
export function dataTable({ columns, rows, caption, noun, searched, sort, rowAction }) {
  let order = { ...sort };
  let wanted = "";
  let everything = false;
  const body = el("tbody");
  const status = el("p", { class: "table-status", role: "status" });
  const more = el("button", { type: "button" });
  more.addEventListener("click", () => {
    everything = true;
    fill();
  });
  const heads = new Map(columns.map((column) => [column.key, header(column)]));

  function header(column) {
    const button = el("button", { type: "button", title: column.about ?? "" }, column.title);
    button.addEventListener("click", () => {
      const same = order.key === column.key;
      order = { key: column.key, descending: same ? !order.descending : Boolean(column.number) };
      fill();
    });
    return el("th", { scope: "col", class: column.number ? "number" : "" }, button);
  }

  function fill() {
    for (const [key, head] of heads) {
      if (key === order.key) head.setAttribute("aria-sort", order.descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    const found = wanted ? rows.filter((row) => searched(row).toLowerCase().includes(wanted)) : [...rows];
    found.sort(comparison(columns.find((column) => column.key === order.key), order.descending));
    const shown = everything ? found : found.slice(0, AT_FIRST);
    body.replaceChildren(...shown.map(line));
    more.hidden = shown.length === found.length;
    more.textContent = `Show all ${found.length.toLocaleString("en-US")}`;
    const all = plural(rows.length, noun);
    status.textContent = found.length === rows.length ? all : found.length ? `${found.length} of ${all}` : `No ${noun} of that name.`;
  }

  const line = (row) => {
    const [name, ...others] = columns;
    const label = el("span", { class: "name", title: name.text(row), textContent: name.text(row) });
    const first = el("th", { scope: "row" }, el("div", {}, label, rowAction?.(row) ?? null));
    return el("tr", {}, first, others.map((column) => el("td", { class: column.number ? "number" : "", textContent: column.text(row) })));
  };

  const search = el("input", { type: "search", placeholder: "Search by name", "aria-label": `Search ${noun}s by name` });
  const find = () => {
    wanted = search.value.trim().toLowerCase();
    fill();
  };
  search.addEventListener("input", debounced(find, 80));
  const table = el(
    "table",
    { class: "data" },
    el("caption", { class: "hidden-text", textContent: caption }),
    el("thead", {}, el("tr", {}, [...heads.values()])),
    body,
  );
  const scroller = el("div", { class: "scroller", tabIndex: 0, role: "region", "aria-label": caption }, table);
  fill();
  const element = el("div", { class: "table" }, el("div", { class: "table-head" }, search, status), scroller, more);
  const sortBy = (key, descending) => {
    order = { key, descending };
    fill();
  };
  const searchFor = (text) => {
    search.value = text;
    find();
  };
  return { element, sortBy, searchFor };
}

/** Compares rows by a column; what is not known comes last in both directions. */
function comparison(column, descending) {
  const names = new Intl.Collator("en", { numeric: true });
  const sign = descending ? -1 : 1;
  return (one, other) => {
    const [a, b] = [column.value(one), column.value(other)];
    const [lacks, otherLacks] = [a, b].map((value) => value === null || value === undefined || Number.isNaN(value));
    if (lacks || otherLacks) return Number(lacks) - Number(otherLacks);
    return sign * (column.number ? a - b : names.compare(a, b));
  };
}
