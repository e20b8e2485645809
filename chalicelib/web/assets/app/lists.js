/** Lists that the API gives in pages: the first page at once, the next one when the reader asks for it. */

import { h } from "../shared/dom.js";
import { call } from "./api.js";
import { failure, waiting } from "./states.js";
import { t } from "./texts.js";

/**
 * A list of rows that grows by a button; `none` is shown where there is no row.
 * @template Item
 * @param {object} options
 * @param {string} options.path of the API
 * @param {Record<string, any>} [options.query]
 * @param {(item: Item) => Node} options.row
 * @param {(rows: Node[]) => {list: HTMLElement, body: HTMLElement}} options.frame the list, and where rows are added
 * @param {() => Node} options.none
 * @param {AbortSignal} options.signal
 */
export function pagedList({ path, query = {}, row, frame, none, signal }) {
  const place = h("div", { class: "later" });
  /** @type {HTMLElement | null} */
  let body = null;
  /** @param {string | null} cursor */
  const read = async (cursor) => {
    const wait = waiting();
    place.append(wait);
    try {
      let { items, nextCursor } = await call("GET", path, { query: { ...query, cursor }, signal });
      // A page with filters may be empty and still have a cursor.
      while (items.length === 0 && nextCursor) {
        ({ items, nextCursor } = await call("GET", path, { query: { ...query, cursor: nextCursor }, signal }));
      }
      add(items.map(row), nextCursor);
    } catch (error) {
      if (!signal.aborted) place.append(retryNote(error, () => read(cursor)));
    } finally {
      wait.remove();
    }
  };
  /** @param {Node[]} rows @param {string | null} nextCursor */
  const add = (rows, nextCursor) => {
    if (body) {
      body.append(...rows);
    } else if (rows.length === 0) {
      place.append(none());
    } else {
      const made = frame(rows);
      body = made.body;
      place.append(made.list);
    }
    if (nextCursor) place.append(moreButton(() => read(nextCursor)));
  };
  read(null);
  return place;
}

/** @param {unknown} error @param {() => void} again */
function retryNote(error, again) {
  const note = failure(error, () => {
    note.remove();
    again();
  });
  return note;
}

/** @param {() => void} read */
function moreButton(read) {
  const act = () => {
    line.remove();
    read();
  };
  const line = h("p", { class: "actions center" }, h("button", { type: "button", onclick: act }, t("action.more")));
  return line;
}

/** The frame of a table, for pagedList. @param {string} label @param {string[]} headings */
export function tableFrame(label, headings) {
  return (/** @type {Node[]} */ rows) => {
    const head = headings.map((text) => h("th", { scope: "col" }, text));
    const body = h("tbody", null, rows);
    const table = h("table", { "aria-label": label }, h("thead", null, h("tr", null, head)), body);
    return { list: h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label }, table), body };
  };
}
