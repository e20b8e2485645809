/** One image in the gallery: its picture or its state, its name, and a box to select it. */

import { h } from "../base/dom.js";
import { icon } from "../app/icons.js";
import { t } from "../app/texts.js";
import { addressOf } from "./collection.js";
import { fittingVariant, picture } from "./picture.js";
import { isUnderWay, reasonOf, statusBadge, titleOf } from "./status.js";

/** @typedef {import("./collection.js").Image} Image */
/** @typedef {{element: HTMLElement, link: HTMLElement, image: Image, size: (width: number, height: number) => void,
 *    select: (isSelected: boolean) => void}} Tile */

/**
 * @param {Image} image @param {number} width CSS pixels
 * @param {import("./collection.js").Collection} collection
 * @returns {Tile}
 */
export function makeTile(image, width, collection) {
  const name = titleOf(image);
  const address = addressOf(`images/${encodeURIComponent(image.imageId)}`, collection.search);
  const link = h("a", { href: `#/${address}`, tabindex: -1 }, content(image, width, collection), caption(image, name));
  const box = h("input", {
    type: "checkbox",
    class: "pick",
    tabindex: -1,
    "aria-label": t("gallery.select", { name }),
  });
  const attributes = { class: classOf(image), role: "gridcell", "data-id": image.imageId };
  const element = h("div", attributes, link, box);
  return {
    element,
    link,
    image,
    size: (width, height) => {
      element.style.width = `${width}px`;
      element.style.height = `${height}px`;
    },
    select: (isSelected) => {
      box.checked = isSelected;
      element.setAttribute("aria-selected", String(isSelected));
    },
  };
}

/** @param {Image} image */
function classOf(image) {
  if (image.status === "FAILED") return "tile failed";
  return isUnderWay(image) ? "tile going" : "tile";
}

/** @param {Image} image @param {number} width @param {import("./collection.js").Collection} collection */
function content(image, width, collection) {
  if (image.status === "FAILED") return h("span", { class: "state" }, icon("warning"));
  const variant = fittingVariant(image, width);
  if (!variant && !image.placeholder) return h("span", { class: "state" }, icon("clock"));
  const renew = async () => {
    const fresh = await collection.renewLinks(image.imageId);
    return fresh && fittingVariant(fresh, width)?.url;
  };
  // Its name stands beside it.
  const { placeholder, metadata } = image;
  return picture({ address: variant?.url, placeholder, color: metadata.dominantColor, alt: "", renew });
}

/** @param {Image} image @param {string} name */
function caption(image, name) {
  const isFinished = image.status === "COMPLETED";
  const reason = image.status === "FAILED" && h("span", { class: "reason" }, reasonOf(image));
  return h("span", { class: "caption" }, h("span", { class: "name" }, name), !isFinished && statusBadge(image), reason);
}
