/** How a size and a way to fit into it would look, before anything is made. */

import { h } from "../base/dom.js";
import { readForm } from "../app/forms.js";
import { t } from "../app/texts.js";
import { positionOf } from "./focal_point.js";

/** @param {import("./one_image.js").OneImage} one
 * @returns {{element: HTMLElement, show: (form: HTMLFormElement) => void}} */
export function cropPreview(one) {
  const picture = one.picture(one.fitting(320));
  picture.querySelector("img")?.setAttribute("alt", "");
  picture.classList.add("crop");
  const size = h("p", { class: "small soft number" });
  const element = h("div", { class: "crop-preview" }, picture, size);
  /** @param {HTMLFormElement} form */
  const show = (form) => {
    const { width, height, fit } = readForm(form);
    const wanted = sizeOf(one.image, Number(width), Number(height), fit);
    element.hidden = wanted === null;
    if (!wanted) return;
    const shape = wanted.width / wanted.height;
    picture.style.aspectRatio = String(shape);
    picture.style.maxWidth = `${Math.min(1, shape) * 16}rem`;
    size.textContent = t("process.makes", { size: `${wanted.width} × ${wanted.height}` });
    const image = picture.querySelector("img");
    if (!image) return;
    image.style.objectFit = fit === "fill" ? "fill" : "cover";
    const { x, y } = one.image.focalPoint ?? { x: 0.5, y: 0.5 };
    image.style.objectPosition = positionOf({ x, y }, wanted.original, shape);
  };
  return { element, show };
}

/** The pixels that come out; null where no side is given. `contain` never enlarges.
 * @param {import("./collection.js").Image} image @param {number} width @param {number} height @param {string} fit */
function sizeOf({ metadata }, width, height, fit) {
  if (!(width > 0) && !(height > 0)) return null;
  const original = metadata.width / metadata.height;
  if (fit !== "contain") {
    return { width: width || Math.round(height * original), height: height || Math.round(width / original), original };
  }
  const scale = Math.min(1, (width || Infinity) / metadata.width, (height || Infinity) / metadata.height);
  const round = (/** @type {number} */ side) => Math.max(1, Math.round(side * scale));
  return { width: round(metadata.width), height: round(metadata.height), original };
}
