/** The way from an image to the one before and after it, by links and by the arrow keys. */

import { h } from "../base/dom.js";
import { icon } from "../app/icons.js";
import { t } from "../app/texts.js";
import { addressOf } from "./collection.js";

/**
 * @param {import("./collection.js").Collection} collection @param {string} imageId @param {AbortSignal} signal
 */
export function neighborLinks(collection, imageId, signal) {
  const newer = link("back", t("image.newer"));
  const older = link("next", t("image.older"));
  const show = () => {
    const { items } = collection;
    const place = items.findIndex((item) => item.imageId === imageId);
    aim(newer, place > 0 ? items[place - 1] : undefined, collection);
    aim(older, place >= 0 ? items[place + 1] : undefined, collection);
    // The next page, so that the way does not end with the present one.
    if (place >= items.length - 2 && place >= 0 && !collection.isReading && !collection.error) collection.readMore();
  };
  collection.addEventListener("changed", show, { signal });
  show();
  collection.readUntil(imageId);
  addEventListener("keydown", (event) => move(event, newer, older), { signal });
  return h("div", { class: "actions" }, newer, older);
}

/** @param {import("../app/icons.js").Icon} name @param {string} label */
function link(name, label) {
  const made = h("a", { class: "button plain round", "aria-label": label, title: label }, icon(name));
  made.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    follow(made);
  });
  return made;
}

/** Back leads to the gallery from each of them: they take each other's place in the history.
 * @param {HTMLAnchorElement} link */
function follow(link) {
  if (link.href) location.replace(link.href);
}

/** @param {HTMLAnchorElement} link @param {import("./collection.js").Image | undefined} image
 * @param {import("./collection.js").Collection} collection */
function aim(link, image, collection) {
  link.hidden = !image;
  if (image) link.href = `#/${addressOf(`images/${encodeURIComponent(image.imageId)}`, collection.search)}`;
  else link.removeAttribute("href");
}

/** @param {KeyboardEvent} event @param {HTMLAnchorElement} newer @param {HTMLAnchorElement} older */
function move(event, newer, older) {
  const target = /** @type {HTMLElement} */ (event.target);
  // There the arrows have a use of their own.
  const isTaken = target.closest("input, select, textarea, [role=tab], dialog, .scroll") !== null;
  if (isTaken || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (event.key === "ArrowLeft") follow(newer);
  if (event.key === "ArrowRight") follow(older);
}
