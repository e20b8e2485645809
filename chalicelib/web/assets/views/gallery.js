/** The reader's images. */

import { h } from "../shared/dom.js";
import { empty } from "../app/states.js";
import { t } from "../app/texts.js";

export function show() {
  return h("div", null, h("h1", null, t("nav.images")), empty("images", t("gallery.none"), t("gallery.noneText")));
}
