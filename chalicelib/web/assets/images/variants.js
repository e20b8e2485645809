/** The variants side by side: each size plain and with its watermark, with its pixels, bytes and a way to save it. */

import { h } from "../base/dom.js";
import { bytes } from "../app/format.js";
import { t, textOf } from "../app/texts.js";
import { downloadButton } from "./download.js";

/** @typedef {import("./collection.js").Variant} Variant */

/** @param {import("./one_image.js").OneImage} one */
export function variantsSection(one) {
  const list = h("ul", { class: "variants" });
  const section = h(
    "section",
    { "aria-labelledby": "variants" },
    h("h2", { id: "variants" }, t("image.variants")),
    list,
  );
  one.follow(
    ({ variants, processedAt }) => [variants.map(({ s3Key, fileSize }) => [s3Key, fileSize]), processedAt],
    ({ variants }) => {
      section.hidden = variants.length === 0;
      list.replaceChildren(...inPairs(variants).map((variant) => variantItem(one, variant)));
    },
  );
  return section;
}

/** Size by size, as the API has them, each plain and then marked. @param {Variant[]} variants */
function inPairs(variants) {
  const sizes = variants.map(({ size }) => size);
  const placeOf = (/** @type {Variant} */ { size, watermarked }) => sizes.indexOf(size) * 2 + Number(watermarked);
  return [...variants].sort((one, other) => placeOf(one) - placeOf(other));
}

/** @param {import("./one_image.js").OneImage} one @param {Variant} variant */
function variantItem(one, variant) {
  const { size, watermarked, dimensions, fileSize, format } = variant;
  const name = textOf("variant", size) ?? size;
  const title = watermarked ? t("image.markedVariant", { name }) : name;
  const facts = `${dimensions.replace("x", " × ")} · ${format.toUpperCase()} · ${bytes(fileSize)}`;
  const picture = one.picture(variant, { isLazy: true });
  picture.style.aspectRatio = dimensions.replace("x", " / ");
  picture.querySelector("img")?.setAttribute("alt", "");
  return h(
    "li",
    null,
    picture,
    h(
      "div",
      { class: "about" },
      h("div", null, h("strong", null, title), h("span", { class: "small soft number" }, facts)),
      downloadButton(one.id, t("image.downloadVariant", { name: title }), { variant, hidesLabel: true }),
    ),
  );
}
