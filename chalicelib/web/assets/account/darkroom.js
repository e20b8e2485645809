/** A picture of what Darkroom does: a photo goes in as a negative, and prints of every size hang on the line. */

import { icon } from "../app/icons.js";
import { t } from "../app/texts.js";
import { h } from "../base/dom.js";

const SCENE = new URL("./scene.svg", import.meta.url).href;

/** Whether the prints have been developed: that is shown once, not in every view. */
let isDeveloped = false;

function scene() {
  return h("img", { src: SCENE, alt: "", width: 320, height: 240 });
}

/** @param {string} size @param {string} name @param {boolean} isMarked */
function print(size, name, isMarked) {
  const mark = isMarked && h("span", { class: "mark" }, t("welcome.mark"));
  const picture = h("span", { class: "paper" }, scene(), mark);
  return h("span", { class: `print ${size}` }, picture, h("span", { class: "size" }, name));
}

/** @param {boolean} isMarked */
function clothesline(isMarked) {
  return h(
    "span",
    { class: "clothesline" },
    print("large", t("welcome.large"), isMarked),
    print("medium", t("welcome.medium"), isMarked),
    print("small", t("welcome.small"), isMarked),
  );
}

export function drawDarkroom() {
  const steps = [t("welcome.checked"), t("welcome.resized"), t("welcome.marked"), t("welcome.ready")];
  const film = h("span", { class: "film" }, h("span", { class: "paper" }, scene()));
  const path = h(
    "span",
    { class: "steps" },
    steps.map((step) => h("span", { class: "step" }, icon("check"), step)),
  );
  const name = isDeveloped ? "darkroom developed" : "darkroom";
  isDeveloped = true;
  const top = h("span", { class: "top" }, film, path);
  const look = { class: name, role: "img", "aria-label": t("welcome.drawing") };
  return h("div", look, top, clothesline(false), clothesline(true));
}
