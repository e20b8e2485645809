/** The reader's images. */

import { announce, byId, h } from "../base/dom.js";
import { icon } from "../app/icons.js";
import { follow, watch } from "../app/poller.js";
import { empty, failure, waiting } from "../app/states.js";
import { t } from "../app/texts.js";
import { addressOf, collectionOf } from "../images/collection.js";
import { Grid } from "../images/grid.js";
import { searchForm } from "../images/search_form.js";
import { Selection, selectionBar } from "../images/selection.js";
import { isUnderWay } from "../images/status.js";

/** @param {import("../app/views.js").Place} place */
export function show({ query, signal }) {
  const body = h("div");
  let shown = new AbortController();
  /** @param {URLSearchParams} wanted */
  const search = (wanted) => {
    shown.abort();
    shown = new AbortController();
    const gallery = buildGallery(wanted, AbortSignal.any([signal, shown.signal]));
    body.replaceChildren(...gallery);
  };
  const searched = (/** @type {URLSearchParams} */ wanted) => {
    history.replaceState({ scroll: 0 }, "", `#/${addressOf("images", wanted.toString())}`);
    search(wanted);
  };
  search(query);
  return h(
    "div",
    { class: "gallery" },
    h("div", { class: "head" }, h("h1", null, t("nav.images")), addLink("button primary")),
    searchForm(query, searched, signal),
    body,
  );
}

/** @param {string} kind */
function addLink(kind) {
  return h("a", { href: "#/uploads", class: kind }, icon("upload"), t("gallery.add"));
}

/** What a search finds. @param {URLSearchParams} query @param {AbortSignal} signal */
function buildGallery(query, signal) {
  const collection = collectionOf(query);
  const selection = new Selection();
  const end = h("div", { class: "end" });
  const onNearEnd = () => {
    if (!collection.isReading && !collection.isComplete && !collection.error) collection.readMore();
  };
  const grid = new Grid({ collection, selection, width: contentWidth(), onNearEnd, signal });
  /** @type {Set<string>} */
  const followed = new Set();
  const followAll = () => {
    for (const item of grid.items.filter(isUnderWay)) {
      if (followed.has(item.imageId)) continue;
      followed.add(item.imageId);
      const changed = (/** @type {any} */ image) => {
        if (image) collection.take(image);
        else collection.drop(item.imageId);
        if (!image || !isUnderWay(image)) followed.delete(item.imageId);
      };
      follow("images", item.imageId, changed, signal);
    }
  };
  let isNew = true;
  const refresh = () => {
    grid.update();
    grid.element.hidden = grid.items.length === 0;
    selection.keep(grid.items);
    followAll();
    end.replaceChildren(...endOf(collection, grid.items.length));
    if (!grid.items.length) onNearEnd();
    if (isNew && !collection.isReading && (grid.items.length || collection.isComplete)) {
      isNew = false;
      if (collection.search) announce(t("gallery.found", { count: grid.items.length }));
    }
  };
  collection.addEventListener("changed", refresh, { signal });
  keepCurrent(collection, signal);
  keepScroll(collection, grid, signal);
  collection.renew();
  refresh();
  return [selectionBar(selection, () => grid.focusFirst()), grid.element, end];
}

/** @param {import("../images/collection.js").Collection} collection @param {number} count @returns {Node[]} */
function endOf(collection, count) {
  const again = () => (collection.isComplete ? collection.renew() : collection.readMore());
  if (collection.error) return [failure(collection.error, again)];
  if (!collection.isComplete) return [waiting()];
  if (count > 0) return [];
  if (!collection.search) return [empty("images", t("gallery.none"), t("gallery.noneText"), addLink("button"))];
  const all = h("a", { href: "#/images", class: "button" }, t("gallery.all"));
  return [empty("search", t("gallery.nothing"), t("gallery.nothingText"), all)];
}

/** Reads what is new: when the poll comes across it, and when the reader comes back to the page.
 * @param {import("../images/collection.js").Collection} collection @param {AbortSignal} signal */
function keepCurrent(collection, signal) {
  let newest = "";
  watch(
    "images",
    (items) => {
      const first = items[0]?.imageId ?? "";
      if (first <= newest || collection.find(first)) return;
      newest = first;
      collection.renew();
    },
    signal,
  );
  document.addEventListener("visibilitychange", () => document.hidden || collection.renew(), { signal });
  addEventListener("online", () => collection.renew(), { signal });
}

/** Comes back to where the reader was, by Back or from an image. The address's entry in the history knows it.
 * @param {import("../images/collection.js").Collection} collection @param {Grid} grid @param {AbortSignal} signal */
function keepScroll(collection, grid, signal) {
  const { lastOpened } = collection;
  const wanted = history.state?.scroll ?? (lastOpened ? collection.scroll : 0);
  collection.lastOpened = "";
  // After the router has put the view on the page, and before it is drawn.
  requestAnimationFrame(() => {
    if (signal.aborted) return;
    if (wanted > 0) scrollTo(0, wanted);
    grid.update();
    if (lastOpened) grid.focusAt(grid.placeOf(lastOpened));
  });
  let timer = 0;
  const note = () => {
    collection.scroll = scrollY;
    clearTimeout(timer);
    timer = setTimeout(() => history.replaceState({ ...history.state, scroll: scrollY }, ""), 150);
  };
  addEventListener("scroll", note, { signal, passive: true });
  signal.addEventListener("abort", () => clearTimeout(timer));
}

/** The width of the gallery before it is on the page. */
function contentWidth() {
  const content = byId("content");
  const { paddingLeft, paddingRight } = getComputedStyle(content);
  return content.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
}
