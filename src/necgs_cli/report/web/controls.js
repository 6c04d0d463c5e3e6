// The row of buttons below a 3D view.

import { el } from "necgs/dom";

/** A button that is on or off; calls change(on). */
export function toggle(label, on, change) {
  const button = el("button", { type: "button", class: "toggle", "aria-pressed": String(on), textContent: label });
  button.addEventListener("click", () => {
    const now = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(now));
    change(now);
  });
  return button;
}

/** A button that does something. */
export function action(label, run) {
  const button = el("button", { type: "button", textContent: label });
  button.addEventListener("click", run);
  return button;
}

/** What every view offers: its lines and its first view. */
export const viewControls = (view) => [
  toggle("Wireframe", false, (on) => view.setWireframe(on)),
  action("Reset view", () => view.reset()),
];

export const VIEW_HINT = "Drag or arrow keys turn; wheel (after a click) or + and − zoom; right drag moves; Home resets.";
