/** The head of the views of usage: administrators go between their own and everyone's. */

import { h } from "../base/dom.js";
import { session } from "../app/session.js";
import { t } from "../app/texts.js";

/** @param {"usage" | "usage/everyone"} current the address of the view */
export function usageHead(current) {
  /** @param {string} address @param {string} text */
  const link = (address, text) =>
    h("a", { href: `#/${address}`, class: "button", "aria-current": address === current && "page" }, text);
  const links = h(
    "nav",
    { class: "actions", "aria-label": t("usage.whose") },
    link("usage", t("usage.yours")),
    link("usage/everyone", t("usage.everyones")),
  );
  return h("div", { class: "head" }, h("h1", null, t("nav.usage")), session.isAdmin && links);
}
