/** The focal point: what a crop keeps. It is set by a click on the picture, or by two sliders. */

import { announce, h } from "../base/dom.js";
import { buildField, buildForm, readForm } from "../app/forms.js";
import { t } from "../app/texts.js";

/** @typedef {import("./one_image.js").OneImage} OneImage */
/** @typedef {{x: number, y: number}} Point shares of width and height, from the top left */

const MIDDLE = { x: 0.5, y: 0.5 };
// Width by height of the crops that are shown.
const CROPS = [1, 16 / 9, 9 / 16];

/**
 * The form, and a mark on the picture while it is open.
 * @param {OneImage} one @param {HTMLElement} frame of the picture @param {() => void} close
 */
export function focalForm(one, frame, close) {
  const closing = new AbortController();
  const mark = h("span", { class: "focal", "aria-hidden": "true" });
  const crops = CROPS.map((shape) => cropOf(one, shape));
  const { x, y } = one.image.focalPoint ?? MIDDLE;
  const end = () => {
    closing.abort();
    mark.remove();
    frame.classList.remove("pointing");
    close();
  };
  const save = async (/** @type {Point | null} */ point) => {
    await one.change({ focalPoint: point });
    announce(t("state.saved"));
    end();
  };
  const read = () => {
    const typed = readForm(form);
    return { x: Number(typed.x) / 100, y: Number(typed.y) / 100 };
  };
  const show = () => {
    const point = read();
    mark.style.left = `${point.x * 100}%`;
    mark.style.top = `${point.y * 100}%`;
    for (const crop of crops) crop.show(point);
  };
  const remove = h("button", { type: "button", class: "plain" }, t("focal.remove"));
  const form = buildForm({
    class: "focal-form",
    fields: [
      h("p", { class: "soft" }, t("focal.hint")),
      h("div", { class: "two" }, slider("x", t("focal.x"), x), slider("y", t("focal.y"), y)),
      h("div", { class: "crops", "aria-hidden": "true" }, ...crops.map(({ element }) => element)),
    ],
    submit: t("action.save"),
    actions: [h("button", { type: "button", onclick: end }, t("action.cancel")), one.image.focalPoint && remove],
    send: () => save(isRemoving ? null : read()).finally(() => (isRemoving = false)),
  });
  let isRemoving = false;
  remove.addEventListener("click", () => {
    isRemoving = true;
    form.requestSubmit();
  });
  form.addEventListener("input", show);
  frame.addEventListener(
    "click",
    (event) => {
      const { left, top, width, height } = frame.getBoundingClientRect();
      const point = { x: (event.clientX - left) / width, y: (event.clientY - top) / height };
      for (const name of /** @type {("x" | "y")[]} */ (["x", "y"])) {
        const input = /** @type {HTMLInputElement} */ (form.elements.namedItem(name));
        input.value = String(Math.round(Math.min(1, Math.max(0, point[name])) * 100));
      }
      show();
    },
    { signal: closing.signal },
  );
  frame.classList.add("pointing");
  frame.append(mark);
  show();
  return form;
}

/** @param {"x" | "y"} name @param {string} label @param {number} value */
function slider(name, label, value) {
  const attributes = { min: 0, max: 100, step: 1 };
  return buildField({ name, label, type: "range", value: Math.round(value * 100), attributes });
}

/** A small crop of the picture, as processing with `cover` makes it. @param {OneImage} one @param {number} shape */
function cropOf(one, shape) {
  const [width, height] = one.image.variants[0].dimensions.split("x").map(Number);
  const picture = one.picture(one.fitting(160));
  picture.classList.add("crop");
  picture.style.aspectRatio = String(shape);
  /** @param {Point} point */
  const show = (point) => {
    const image = picture.querySelector("img");
    if (image) image.style.objectPosition = positionOf(point, width / height, shape);
  };
  return { element: picture, show };
}

/**
 * The CSS position of a picture in a crop, so that a point is as near to the crop's middle as the picture allows.
 * @param {Point} point @param {number} shape width by height of the picture @param {number} crop of the crop
 */
export function positionOf(point, shape, crop) {
  const share = { x: Math.min(1, crop / shape), y: Math.min(1, shape / crop) };
  const place = (/** @type {"x" | "y"} */ side) => {
    const rest = 1 - share[side];
    if (rest < 1e-6) return 50;
    return (Math.min(rest, Math.max(0, point[side] - share[side] / 2)) / rest) * 100;
  };
  return `${place("x")}% ${place("y")}%`;
}
