/** Checks that nobody altered a day of the audit trail. */

import { h } from "../base/dom.js";
import { call } from "../app/api.js";
import { day as dayWords, number } from "../app/format.js";
import { icon } from "../app/icons.js";
import { copyButton } from "../app/notices.js";
import { failure, waiting } from "../app/states.js";
import { t } from "../app/texts.js";

/**
 * @typedef {{entries: number, first: number | null, last: number | null, hash: string | null, isComplete: boolean,
 *   errors: {sequence: number | null, message: string}[]}} Found
 */

/** A button, and then what was found. @param {string} day @param {AbortSignal} signal */
export function verification(day, signal) {
  const place = h("div", { role: "status" });
  const check = async () => {
    button.setAttribute("aria-busy", "true");
    place.replaceChildren(waiting());
    try {
      place.replaceChildren(verdict(day, await verify(day, signal)));
    } catch (error) {
      if (!signal.aborted) place.replaceChildren(failure(error, check));
    } finally {
      button.removeAttribute("aria-busy");
    }
  };
  const button = h("button", { type: "button", onclick: check }, icon("audit"), t("audit.verify"));
  return h("section", { class: "verification" }, h("p", { class: "actions" }, button), place);
}

/** Follows the day's chain, page by page. @param {string} day @param {AbortSignal} signal @returns {Promise<Found>} */
async function verify(day, signal) {
  /** @type {Found} */
  const found = { entries: 0, first: null, last: null, hash: null, isComplete: false, errors: [] };
  let cursor = null;
  do {
    const page = await call("GET", "admin/audit/verification", { query: { day, cursor }, signal });
    found.entries += page.entries;
    found.first ??= page.firstSequence;
    found.last = page.lastSequence ?? found.last;
    found.hash = page.hash ?? found.hash;
    found.isComplete = page.isComplete;
    found.errors.push(...page.errors);
    cursor = page.nextCursor;
  } while (cursor);
  return found;
}

/** @param {string} day @param {Found} found */
function verdict(day, { entries, first, last, hash, isComplete, errors }) {
  if (errors.length > 0) {
    const lines = errors.map(({ message }) => h("li", null, message));
    return h(
      "div",
      { class: "note bad" },
      h("p", null, icon("warning"), " ", t("audit.broken", { count: errors.length })),
      h("ul", null, lines),
      h("p", null, t("audit.brokenText")),
    );
  }
  if (!isComplete) return h("p", { class: "note" }, t("audit.partly", { count: entries }));
  const numbers = entries > 0 ? t("audit.numbers", { first: number(first ?? 0), last: number(last ?? 0) }) : "";
  return h(
    "div",
    { class: "note good" },
    h("p", null, icon("check"), ` ${t("audit.intact", { day: dayWords(day), count: entries })} ${numbers}`),
    hash && h("p", { class: "small hash" }, h("code", null, hash), copyButton(hash, t("audit.copyHash"))),
  );
}
