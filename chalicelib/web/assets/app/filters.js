/** A form above a list that chooses what the list shows. The address keeps what is chosen. */

import { h } from "../base/dom.js";
import { buildForm, readForm } from "./forms.js";
import { t } from "./texts.js";

/**
 * @param {object} options
 * @param {string} options.address of the view
 * @param {(import("./forms.js").Field | Node)[]} options.fields
 * @param {(chosen: Record<string, any>, signal: AbortSignal) => Node} options.build what is shown; its signal is
 *   aborted when something else is chosen
 * @param {AbortSignal} options.signal
 * @returns {{node: HTMLElement, again: () => void}}
 */
export function filtered({ address, fields, build, signal }) {
  const place = h("div");
  let leaving = new AbortController();
  signal.addEventListener("abort", () => leaving.abort());
  const show = () => {
    leaving.abort();
    leaving = new AbortController();
    const chosen = readForm(form);
    place.replaceChildren(build(chosen, leaving.signal));
    return chosen;
  };
  const choose = () => {
    const query = new URLSearchParams(Object.entries(show()).filter(([, value]) => value !== "" && value !== false));
    history.replaceState(null, "", `#/${address}${query.size > 0 ? `?${query}` : ""}`);
  };
  const form = buildForm({ fields, submit: t("action.show"), class: "list-filters", isQuiet: true, send: choose });
  form.addEventListener("change", ({ target }) => {
    if (target instanceof HTMLSelectElement) form.requestSubmit();
  });
  show();
  return { node: h("div", null, form, place), again: show };
}
