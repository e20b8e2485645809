/** A list of equally high rows of which only those in sight are in the document, however many there are. */

import { h } from "../base/dom.js";

/**
 * @template Item
 * @typedef {object} Row
 * @property {HTMLLIElement} element
 * @property {(item: Item) => void} update
 * @property {() => void} end it is out of sight
 */

// Above and below, so that the keyboard and a fast scroll find a row.
const MORE = 6;

/**
 * @template {{id: number}} Item
 * @param {string} label @param {(item: Item) => Row<Item>} build @param {AbortSignal} signal
 * @returns {{element: HTMLElement, show: (items: Item[]) => void}} `show` draws what has changed
 */
export function windowedList(label, build, signal) {
  const list = h("ol", { class: "windowed", "aria-label": label });
  /** @type {Map<number, Row<Item>>} */
  const rows = new Map();
  /** @type {Item[]} */
  let items = [];
  let height = 0;
  let asked = 0;

  const draw = () => {
    asked = 0;
    if (signal.aborted) return;
    const shown = placesToShow(list, items, height, focusedIn(rows));
    removeOthers(rows, new Set(shown.map((place) => items[place].id)));
    /** @type {Element | null} */
    let next = list.firstElementChild;
    for (const place of shown) {
      const { element } = drawRow(items[place], place);
      // In the order of the list, for the keyboard; one that stands right is not moved, and keeps the focus.
      if (element === next) next = element.nextElementSibling;
      else list.insertBefore(element, next);
      if (height > 0) element.style.transform = `translateY(${place * height}px)`;
    }
    list.style.height = `${items.length * height}px`;
    if (height === 0 && items.length > 0) {
      height = list.querySelector("li")?.offsetHeight ?? 0;
      ask();
    }
  };
  /** @param {Item} item @param {number} place */
  const drawRow = (item, place) => {
    const row = rows.get(item.id) ?? build(item);
    rows.set(item.id, row);
    row.update(item);
    row.element.setAttribute("aria-setsize", String(items.length));
    row.element.setAttribute("aria-posinset", String(place + 1));
    return row;
  };
  const ask = () => {
    asked ||= requestAnimationFrame(draw);
  };
  const measure = () => {
    height = list.querySelector("li")?.offsetHeight ?? 0;
    ask();
  };
  addEventListener("scroll", ask, { signal, passive: true });
  addEventListener("resize", measure, { signal });
  signal.addEventListener("abort", () => rows.forEach((row) => row.end()));
  return {
    element: list,
    show(next) {
      items = next;
      ask();
    },
  };
}

/** @param {Map<number, Row<any>>} rows */
function focusedIn(rows) {
  return [...rows].find(([, { element }]) => element.contains(document.activeElement))?.[0];
}

/** @param {Map<number, Row<any>>} rows @param {Set<number>} wanted */
function removeOthers(rows, wanted) {
  for (const [id, row] of rows) {
    if (wanted.has(id)) continue;
    row.end();
    row.element.remove();
    rows.delete(id);
  }
}

/**
 * The places in sight and some more, and the one with the focus.
 * @param {HTMLElement} list @param {{id: number}[]} items @param {number} height of a row; 0: not known yet
 * @param {number | undefined} focused
 */
function placesToShow(list, items, height, focused) {
  if (height === 0) return items.length > 0 ? [0] : [];
  const top = -list.getBoundingClientRect().top;
  const first = Math.floor(top / height) - MORE;
  const last = Math.ceil((top + innerHeight) / height) + MORE;
  return [...items.keys()].filter((place) => (place >= first && place < last) || items[place].id === focused);
}
