/** Saving a file: the link is signed when it is wanted. */

import { h } from "../base/dom.js";
import { call, path } from "../app/api.js";
import { icon } from "../app/icons.js";
import { toast } from "../app/notices.js";
import { explain } from "../app/states.js";
import { t } from "../app/texts.js";

/**
 * A button that saves the original of an image, or one of its variants.
 * @param {string} imageId @param {string} label
 * @param {{variant: import("./collection.js").Variant, hidesLabel?: boolean}} [options]
 */
export function downloadButton(imageId, label, options) {
  const { variant, hidesLabel = false } = options ?? {};
  const query = variant ? { variant: variant.name, format: variant.format } : {};
  const shown = h("span", { class: hidesLabel && "unseen" }, label);
  const button = h("button", { type: "button", class: hidesLabel && "plain round" }, icon("exports"), shown);
  button.addEventListener("click", async () => {
    button.setAttribute("aria-busy", "true");
    try {
      const { url, fileName } = await call("GET", path`images/${imageId}/download`, { query });
      saveFile(url, fileName);
    } catch (error) {
      toast(t("image.notSaved", { reason: explain(error) }), { isBad: true });
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
  return button;
}

/** @param {string} url that the browser saves and does not show @param {string} fileName */
function saveFile(url, fileName) {
  const link = h("a", { href: url, download: fileName });
  document.body.append(link);
  link.click();
  link.remove();
}
