/** A list of actions, each of which changes here while it is under way. */

import { h } from "../base/dom.js";
import { ago } from "../app/format.js";
import { listRow, pagedList, rowsFrame } from "../app/lists.js";
import { follow } from "../app/poller.js";
import { downloads } from "./files.js";
import { badgeOf, reasonOf, subjectOf, titleOf } from "./words.js";

/**
 * The reader's actions, newest first.
 * @param {object} options
 * @param {string} options.label
 * @param {Record<string, any>} options.query of GET /actions
 * @param {() => Node} options.none
 * @param {(action: Record<string, any>) => string} [options.address] where a row leads
 * @param {(answer: any) => void} [options.onAnswer] gets each page
 * @param {AbortSignal} options.signal
 */
export function actionList({ label, query, none, address = addressOf, onAnswer, signal }) {
  const row = (/** @type {any} */ action) => actionRow(action, address, signal);
  return pagedList({ path: "actions", query, row, frame: rowsFrame(label), none, onAnswer, signal });
}

/** @param {Record<string, any>} action */
function addressOf({ actionId }) {
  return `#/actions/${encodeURIComponent(actionId)}`;
}

/** @param {any} first @param {(action: any) => string} address @param {AbortSignal} signal */
function actionRow(first, address, signal) {
  const build = (/** @type {any} */ action) => {
    const reason = reasonOf(action);
    return listRow(
      h("a", { href: address(action) }, titleOf(action)),
      [subjectOf(action), reason && h("span", { class: "why" }, reason), ago(action.createdAt)],
      [badgeOf(action), ...downloads(action, { isShort: true })],
    );
  };
  let row = build(first);
  if (first.status === "PENDING") {
    /** @type {import("../app/poller.js").OnChange} */
    const change = (action) => {
      const next = action && build(action);
      if (next) row.replaceWith(next);
      else row.remove();
      row = next ?? row;
    };
    follow("actions", first.actionId, change, signal);
  }
  return row;
}
