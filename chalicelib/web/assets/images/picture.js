/** Pictures that begin as their placeholder. A link works for an hour: where one fails, it is asked for anew. */

import { h } from "../base/dom.js";
import { icon } from "../app/icons.js";
import { t } from "../app/texts.js";

/** @typedef {import("./collection.js").Image} Image */
/** @typedef {import("./collection.js").Variant} Variant */

/**
 * The smallest variant that is as wide as it is shown, or else the widest.
 * @param {Image} image @param {number} width CSS pixels @param {boolean} [isMarked] with the watermark
 */
export function fittingVariant({ variants }, width, isMarked = false) {
  const wanted = variants.filter((each) => each.watermarked === isMarked);
  const inOrder = [...(wanted.length > 0 ? wanted : variants)].sort((one, other) => widthOf(one) - widthOf(other));
  return inOrder.find((each) => widthOf(each) >= width * devicePixelRatio) ?? inOrder.at(-1);
}

/** @param {Variant} variant */
function widthOf({ dimensions }) {
  return Number(dimensions.split("x")[0]);
}

/**
 * A picture over its placeholder.
 * @param {object} options
 * @param {string | undefined} options.address
 * @param {string | null} options.placeholder
 * @param {string | null} [options.color] behind the placeholder, as #rrggbb
 * @param {string} options.alt
 * @param {() => Promise<string | undefined>} options.renew gives the address with a link that is signed anew
 * @param {boolean} [options.isLazy] loaded when it comes near the screen
 */
export function picture({ address, placeholder, color, alt, renew, isLazy = false }) {
  const place = h("span", { class: "picture" });
  if (color) place.style.backgroundColor = color;
  // Only data of a picture: the browser asks for nothing here.
  if (placeholder?.startsWith("data:image/")) place.style.backgroundImage = `url("${encodeURI(placeholder)}")`;
  if (!address) return place;
  const image = h("img", { alt, draggable: "false", decoding: "async", loading: isLazy && "lazy" });
  let isRenewed = false;
  const fail = () => {
    image.remove();
    place.append(h("span", { class: "missing" }, icon("warning"), t("images.missing")));
  };
  const retry = async () => {
    if (isRenewed) return fail();
    isRenewed = true;
    const fresh = await renew().catch(() => undefined);
    if (fresh) image.src = fresh;
    else fail();
  };
  image.addEventListener("load", () => {
    place.classList.add("loaded");
    // It would show through a transparent picture.
    place.style.backgroundColor = "";
  });
  image.addEventListener("error", retry);
  image.src = address;
  place.append(image);
  return place;
}
