/** The picture, large: plain, with its watermark, or both under a slider. The focal point is set on it. */

import { h } from "../base/dom.js";
import { icon } from "../app/icons.js";
import { t } from "../app/texts.js";
import { focalForm } from "./focal_point.js";
import { shapeOf } from "./layout.js";

/** @typedef {import("./one_image.js").OneImage} OneImage */
/** @typedef {"plain" | "marked" | "both"} Mode */

// CSS pixels: as wide as the picture is on most screens.
const WIDTH = 1000;

/** @param {OneImage} one */
export function stage(one) {
  const frame = h("div", { class: "frame" });
  const below = h("div");
  const figure = h("figure", { class: "stage" }, frame, below);
  /** @type {Mode} */
  let mode = "plain";
  const draw = () => {
    const { variants } = one.image;
    const [width, height] = variants[0]?.dimensions.split("x").map(Number) ?? [shapeOf(one.image), 1];
    frame.style.aspectRatio = `${width} / ${height}`;
    frame.style.maxWidth = `calc(70vh * ${width / height})`;
    frame.replaceChildren(...layers(one, mode));
  };
  const choose = (/** @type {Mode} */ chosen) => {
    mode = chosen;
    draw();
  };
  const controls = h("div", { class: "controls" });
  const showControls = () => {
    const hasMarked = one.image.variants.some((each) => each.watermarked);
    // On a cut or stretched picture no place is that of the original.
    focalButton.hidden = !isWhole(one);
    controls.replaceChildren(...(hasMarked ? [modes(mode, choose)] : []), focalButton);
    below.replaceChildren(controls);
  };
  const focalButton = h("button", { type: "button" }, icon("focus"), t("focal.set"));
  focalButton.addEventListener("click", () => {
    choose("plain");
    const close = () => {
      showControls();
      focalButton.focus();
    };
    const form = focalForm(one, frame, close);
    below.replaceChildren(form);
    form.querySelector("input")?.focus();
  });
  one.follow(
    ({ variants, processedAt }) => [variants.map(({ s3Key }) => s3Key), processedAt],
    ({ variants }) => {
      figure.hidden = variants.length === 0;
      draw();
      showControls();
    },
  );
  return figure;
}

/** Whether what is shown has the proportions of the original. @param {OneImage} one */
function isWhole(one) {
  const [width, height] = one.fitting(WIDTH)?.dimensions.split("x").map(Number) ?? [0, 0];
  const { metadata } = one.image;
  // A side is rounded to whole pixels.
  return Math.abs(width - (height * metadata.width) / metadata.height) <= 1 + metadata.width / metadata.height;
}

/** @param {OneImage} one @param {Mode} mode */
function layers(one, mode) {
  if (mode !== "both") return [one.picture(one.fitting(WIDTH, mode === "marked"))];
  const [plain, marked] = [false, true].map((isMarked) => one.picture(one.fitting(WIDTH, isMarked)));
  marked.classList.add("upper");
  const line = h("span", { class: "divider", "aria-hidden": "true" });
  const slide = h("input", {
    type: "range",
    class: "slide",
    min: 0,
    max: 100,
    value: 50,
    "aria-label": t("image.slide"),
  });
  const cut = () => {
    marked.style.clipPath = `inset(0 0 0 ${slide.value}%)`;
    line.style.left = `${slide.value}%`;
  };
  slide.addEventListener("input", cut);
  cut();
  return [plain, marked, slide, line];
}

/** @param {Mode} mode @param {(mode: Mode) => void} choose */
function modes(mode, choose) {
  const texts = { plain: t("image.plain"), marked: t("image.marked"), both: t("image.both") };
  const options = /** @type {[Mode, string][]} */ (Object.entries(texts)).map(([value, text]) =>
    h(
      "label",
      null,
      h("input", { type: "radio", name: "mode", value, checked: value === mode, onchange: () => choose(value) }),
      text,
    ),
  );
  return h("fieldset", { class: "modes" }, h("legend", { class: "unseen" }, t("image.mode")), options);
}
