/** The gallery's pictures: of thousands only the rows near the screen are elements of the page. */

import { h } from "../base/dom.js";
import { t } from "../app/texts.js";
import { startKeys } from "./keys.js";
import { layRows, rowOf, rowsBetween, shapeOf } from "./layout.js";
import { makeTile } from "./tile.js";

/** @typedef {import("./collection.js").Image} Image */
/** @typedef {import("./tile.js").Tile} Tile */

const GAP = 8;
const NARROW = 640;
const TARGET = { narrow: 128, wide: 216 };
// Of the screen's height: so much is drawn above and below it, and at this distance from the end more is read.
const MARGIN = 0.75;
const NEAR = 2;

export class Grid {
  /** @type {Image[]} */
  items = [];
  /** @type {import("./layout.js").Row[]} */
  rows = [];
  /** @type {Map<number, {element: HTMLElement, tiles: Tile[]}>} */
  #drawn = new Map();
  /** @type {Map<string, Tile>} */
  #tiles = new Map();
  #width = 0;
  #isAsked = false;

  /**
   * @param {object} options
   * @param {import("./collection.js").Collection} options.collection
   * @param {import("./selection.js").Selection} options.selection
   * @param {number} options.width pixels, as long as it is not on the page
   * @param {() => void} options.onNearEnd
   * @param {AbortSignal} options.signal
   */
  constructor({ collection, selection, width, onNearEnd, signal }) {
    this.collection = collection;
    this.selection = selection;
    this.onNearEnd = onNearEnd;
    this.#width = width;
    const attributes = { class: "grid", role: "grid", "aria-label": t("nav.images"), "aria-multiselectable": "true" };
    this.element = h("div", attributes);
    addEventListener("scroll", () => this.draw(), { signal, passive: true });
    addEventListener("resize", () => this.draw(), { signal });
    selection.addEventListener("changed", () => this.#markSelected(), { signal });
    const size = new ResizeObserver(() => this.#resize());
    size.observe(this.element);
    signal.addEventListener("abort", () => size.disconnect());
    startKeys(this);
  }

  /** Shows what the collection has now. */
  update() {
    const anchor = this.#anchor();
    this.items = this.collection.items;
    this.#layOut();
    this.#keepInSight(anchor);
    this.#drawNow();
  }

  #layOut() {
    const target = this.#width < NARROW ? TARGET.narrow : TARGET.wide;
    const { rows, height } = layRows(this.items.map(shapeOf), this.#width, target, GAP);
    this.rows = rows;
    this.element.style.height = `${height}px`;
    this.element.setAttribute("aria-rowcount", String(this.collection.isComplete ? rows.length : -1));
  }

  #resize() {
    const width = this.element.clientWidth;
    if (width === this.#width || width === 0) return;
    this.#width = width;
    this.update();
  }

  /** What stands at the upper edge of the screen, and how far from it. */
  #anchor() {
    const { top } = this.element.getBoundingClientRect();
    if (!this.element.isConnected || top >= 0) return null;
    const row = this.rows[rowsBetween(this.rows, -top, -top)[0]];
    return row && { id: this.items[row.start].imageId, distance: row.top + top };
  }

  /** Keeps the pictures where they are seen when others come in above them. @param {any} anchor */
  #keepInSight(anchor) {
    const place = anchor ? this.items.findIndex((item) => item.imageId === anchor.id) : -1;
    const row = this.rows[rowOf(this.rows, place)];
    if (!row) return;
    const { top } = this.element.getBoundingClientRect();
    const moved = row.top + top - anchor.distance;
    if (Math.abs(moved) >= 1) scrollBy(0, moved);
  }

  /** Draws what is seen, before the next picture of the screen. */
  draw() {
    if (this.#isAsked) return;
    this.#isAsked = true;
    requestAnimationFrame(() => {
      this.#isAsked = false;
      this.#drawNow();
    });
  }

  #drawNow() {
    if (!this.element.isConnected) return;
    const focused = this.focusedId;
    const { top } = this.element.getBoundingClientRect();
    const margin = innerHeight * MARGIN;
    const [first, end] = rowsBetween(this.rows, -top - margin, -top + innerHeight + margin);
    const wanted = new Set(Array.from({ length: end - first }, (_, at) => first + at));
    // Who has the focus stays on the page, wherever it is scrolled to.
    const focusedRow = focused ? rowOf(this.rows, this.placeOf(focused)) : -1;
    if (focusedRow >= 0) wanted.add(focusedRow);
    this.#drawRows([...wanted].sort((one, other) => one - other));
    this.#markCurrent(focused ?? this.items[this.rows[rowsBetween(this.rows, -top, -top)[0]]?.start]?.imageId);
    if (focused && !this.focusedId) this.#tiles.get(focused)?.link.focus({ preventScroll: true });
    if (-top + innerHeight * (1 + NEAR) > this.element.offsetHeight) this.onNearEnd();
  }

  /** @param {number[]} places */
  #drawRows(places) {
    const before = this.#tiles;
    this.#tiles = new Map();
    const elements = places.map((place) => this.#drawRow(place, before));
    for (const [place, { element }] of this.#drawn) {
      if (places.includes(place)) continue;
      element.remove();
      this.#drawn.delete(place);
    }
    // In the order in which they are read; what stands there already is not touched.
    elements.forEach((element, at) => {
      if (this.element.children[at] !== element) this.element.insertBefore(element, this.element.children[at] ?? null);
    });
  }

  /** @param {number} place @param {Map<string, Tile>} before */
  #drawRow(place, before) {
    const { top, height, start, widths } = this.rows[place];
    const images = this.items.slice(start, start + widths.length);
    const tiles = images.map((image, at) => {
      const known = before.get(image.imageId);
      const tile = known?.image === image ? known : makeTile(image, widths[at], this.collection);
      tile.size(widths[at], height);
      if (tile !== known) tile.select(this.selection.has(image.imageId));
      this.#tiles.set(image.imageId, tile);
      return tile;
    });
    const drawn = this.#drawn.get(place) ?? { element: h("div", { role: "row", class: "row" }), tiles: [] };
    const isSame =
      drawn.tiles.length === tiles.length &&
      tiles.every((tile, at) => {
        return tile === drawn.tiles[at] && tile.element.parentNode === drawn.element;
      });
    if (!isSame) drawn.element.replaceChildren(...tiles.map(({ element }) => element));
    drawn.tiles = tiles;
    drawn.element.style.top = `${top}px`;
    drawn.element.setAttribute("aria-rowindex", String(place + 1));
    this.#drawn.set(place, drawn);
    return drawn.element;
  }

  #markSelected() {
    for (const [id, tile] of this.#tiles) tile.select(this.selection.has(id));
    this.element.classList.toggle("selecting", this.selection.ids.size > 0);
  }

  /** The one image that the tab key reaches. @param {string | undefined} imageId */
  #markCurrent(imageId) {
    for (const [id, { link }] of this.#tiles) link.tabIndex = id === imageId ? 0 : -1;
  }

  /** @param {string} imageId */
  placeOf(imageId) {
    return this.items.findIndex((item) => item.imageId === imageId);
  }

  /** The image that has the focus. @returns {string | undefined} */
  get focusedId() {
    const cell = this.element.contains(document.activeElement) && document.activeElement?.closest("[data-id]");
    return cell ? /** @type {HTMLElement} */ (cell).dataset.id : undefined;
  }

  get gap() {
    return GAP;
  }

  /** Brings an image on the screen and gives it the focus. @param {number} place */
  focusAt(place) {
    const image = this.items[place];
    if (!image) return;
    this.show(place);
    const tile = this.#tiles.get(image.imageId);
    tile?.link.focus({ preventScroll: true });
    this.#markCurrent(image.imageId);
  }

  /** Gives the focus to the first image on the screen. */
  focusFirst() {
    const { top } = this.element.getBoundingClientRect();
    const row = this.rows[rowsBetween(this.rows, -top, -top)[0]];
    if (row) this.focusAt(row.start);
  }

  /** Scrolls as little as is needed to see an image whole. @param {number} place */
  show(place) {
    const row = this.rows[rowOf(this.rows, place)];
    if (!row) return;
    const upper = parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop) || 0;
    const top = row.top + this.element.getBoundingClientRect().top;
    const bottom = top + row.height + GAP;
    if (top < upper) scrollBy(0, top - upper);
    else if (bottom > innerHeight) scrollBy(0, bottom - innerHeight);
    this.#drawNow();
  }
}
