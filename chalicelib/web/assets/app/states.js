/** What a view shows while it waits, where there is nothing yet, and when something failed. */

import { h } from "../base/dom.js";
import { ApiError, UnreachableError } from "./api.js";
import { icon } from "./icons.js";
import { t, textOf } from "./texts.js";

/** Something is on its way. */
export function waiting() {
  return h("div", { class: "waiting", role: "status" }, h("span", { class: "spinner" }), t("state.waiting"));
}

/**
 * There is nothing here yet, and what to do about it.
 * @param {import("./icons.js").Icon} picture @param {string} title @param {string} text @param {...Node} actions
 */
export function empty(picture, title, text, ...actions) {
  return h(
    "div",
    { class: "empty" },
    icon(picture),
    h("h2", null, title),
    h("p", null, text),
    actions.length > 0 && h("p", { class: "actions" }, actions),
  );
}

/** A sentence that stands out. @param {string} text @param {"good" | "bad" | ""} [kind] */
export function note(text, kind = "") {
  return h("p", { class: `note ${kind}`, role: kind === "bad" ? "alert" : "status" }, text);
}

/** An error in words. @param {unknown} error */
export function explain(error) {
  if (error instanceof ApiError) {
    const details = error.details.map(({ field, message }) => `${field} ${message}`).join("; ");
    const said = textOf("error", error.type) ?? textOf("error", error.code);
    return said ?? (details ? `${error.message} (${details})` : error.message);
  }
  if (error instanceof UnreachableError) return error.message;
  // A module that is not there any more: Darkroom was deployed since the page was loaded.
  if (error instanceof TypeError && /import|module/i.test(error.message)) return t("error.updated");
  return error instanceof Error ? error.message : String(error);
}

/** A failure where it happened, with a way to try again. @param {unknown} error @param {() => unknown} [again] */
export function failure(error, again) {
  const isOld = error instanceof TypeError && explain(error) === t("error.updated");
  const act = isOld ? () => location.reload() : again;
  const requestId = error instanceof ApiError && error.status >= 500 ? error.requestId : "";
  return h(
    "div",
    { class: "note bad", role: "alert" },
    h("p", null, explain(error)),
    requestId && h("p", { class: "small soft" }, t("error.request", { requestId })),
    act && h("button", { type: "button", onclick: act }, t(isOld ? "error.reload" : "error.again")),
  );
}

/**
 * A place that is filled when its content has been read; where that fails, it says so and offers to try again.
 * @param {() => Promise<Node | Node[]>} read
 * @param {AbortSignal} signal
 */
export function later(read, signal) {
  const place = h("div", { class: "later" }, waiting());
  const fill = async () => {
    place.replaceChildren(waiting());
    try {
      const content = await read();
      if (!signal.aborted) place.replaceChildren(...[content].flat());
    } catch (error) {
      if (!signal.aborted) place.replaceChildren(failure(error, fill));
    }
  };
  fill();
  return place;
}
