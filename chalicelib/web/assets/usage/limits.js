/** How much of each limit is used up. */

import { h } from "../base/dom.js";
import { ago, bytes, dollars, number } from "../app/format.js";
import { t, textOf } from "../app/texts.js";

/** @typedef {{limit: number | null, used: number, left: number | null, endsAt: string | null}} Standing */

const SHOWN = /** @type {Record<string, (value: number) => string>} */ ({
  storedBytes: bytes,
  dollarsPerHour: dollars,
  dollarsPerDay: dollars,
  dollarsPerMonth: dollars,
});
// From here on a limit is close.
const CLOSE = 0.8;

/** @param {Record<string, Standing>} limits */
export function limitBars(limits) {
  return h(
    "ul",
    { class: "limit-bars", role: "list" },
    Object.entries(limits).map(([name, each]) => bar(name, each)),
  );
}

/** @param {string} name @param {Standing} standing */
function bar(name, { limit, used, left, endsAt }) {
  const shown = SHOWN[name] ?? number;
  const title = textOf("limit", name) ?? name;
  const begins = endsAt ? t("limits.endsAt", { when: ago(endsAt) }) : null;
  if (limit === null || left === null) {
    return h("li", null, line(title, t("limits.none", { used: shown(used) })));
  }
  const isClose = used >= limit * CLOSE;
  const words = left <= 0 ? t("limits.usedUp", { limit: shown(limit) }) : t("limits.left", values(shown, left, limit));
  return h(
    "li",
    null,
    line(title, words),
    h("progress", {
      max: limit || 1,
      value: Math.min(used, limit || 1),
      "aria-label": title,
      class: isClose && "close",
    }),
    h("p", { class: "small soft" }, t("limits.used", { used: shown(used) }), begins && ` · ${begins}`),
  );
}

/** @param {(value: number) => string} shown @param {number} left @param {number} limit */
function values(shown, left, limit) {
  return { left: shown(left), limit: shown(limit) };
}

/** @param {string} title @param {string} words */
function line(title, words) {
  return h("p", { class: "pair" }, h("span", null, title), h("span", { class: "number" }, words));
}
