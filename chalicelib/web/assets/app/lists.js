/** Lists that the API gives in pages: the first page at once, the next one when the reader asks for it. */

import { h, scrolled } from "../base/dom.js";
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
 * @param {(answer: any) => void} [options.onAnswer] gets each page
 * @param {AbortSignal} options.signal
 */
export function pagedList({ path, query = {}, row, frame, none, onAnswer = () => {}, signal }) {
  const place = h("div", { class: "later" });
  /** @type {HTMLElement | null} */
  let body = null;
  /** @param {string | null} cursor */
  const read = async (cursor) => {
    const wait = waiting();
    place.append(wait);
    try {
      let page = await call("GET", path, { query: { ...query, cursor }, signal });
      // A page with filters may be empty and still have a cursor.
      while (page.items.length === 0 && page.nextCursor) {
        page = await call("GET", path, { query: { ...query, cursor: page.nextCursor }, signal });
      }
      onAnswer(page);
      add(page.items.map(row), page.nextCursor);
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
    return { list: scrolled(table, label), body };
  };
}

/**
 * The frame of a list of rows, for pagedList.
 * @param {string} label
 */
export function rowsFrame(label) {
  return (/** @type {Node[]} */ rows) => {
    // The role stays with a list that has no bullets.
    const list = h("ul", { class: "rows", role: "list", "aria-label": label }, rows);
    return { list, body: list };
  };
}

/**
 * A row: what it is, more about it, and at the end its state and what can be done.
 * @param {Node | string} title @param {(Node | string | null)[]} more one line each
 * @param {(Node | null | false)[]} end
 */
export function listRow(title, more, end) {
  const lines = more.filter((each) => each !== null).map((each) => h("p", { class: "small soft" }, each));
  return h(
    "li",
    null,
    h("div", null, h("p", { class: "row-title" }, title), lines),
    h("div", { class: "actions" }, end),
  );
}
