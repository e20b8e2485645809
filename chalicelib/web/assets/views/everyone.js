/** What everyone used, or one user, for administrators. */

import { h } from "../base/dom.js";
import { call } from "../app/api.js";
import { filtered } from "../app/filters.js";
import { day } from "../app/format.js";
import { pagedList, tableFrame } from "../app/lists.js";
import { chosenPeriod, periodFields } from "../app/period.js";
import { later } from "../app/states.js";
import { t } from "../app/texts.js";
import { usageHead } from "../usage/head.js";
import { runsCells, section, usageOverview } from "../usage/sums.js";

/** @param {import("../app/views.js").Place} place */
export function show({ query, signal }) {
  const userId = {
    name: "userId",
    label: t("usage.oneUser"),
    value: query.get("userId") ?? "",
    hint: t("usage.userHint"),
  };
  const content = filtered({
    address: "usage/everyone",
    fields: [...periodFields(query), userId],
    build: (chosen, left) => later(() => read(chosenPeriod(chosen), chosen.userId.trim(), left), left),
    signal,
  });
  return h("div", null, usageHead("usage/everyone"), content.node);
}

/**
 * @param {{start: string, end: string}} period
 * @param {string} userId empty for everyone
 * @param {AbortSignal} signal
 */
async function read(period, userId, signal) {
  const usage = await call("GET", "admin/usage", { query: { ...period, userId }, signal });
  const users = !userId && section(t("usage.byUser"), usersDays(period, signal));
  return [h("div", null, usageOverview(usage, {}, signal), users)];
}

/** @param {{start: string, end: string}} period @param {AbortSignal} signal */
function usersDays(period, signal) {
  const headings = [
    t("usage.day"),
    t("usage.user"),
    t("usage.requests"),
    t("usage.failures"),
    t("usage.dollars"),
    t("usage.average"),
  ];
  return pagedList({
    path: "admin/usage",
    query: { ...period, by: "user", limit: 20 },
    row: (/** @type {any} */ each) =>
      h("tr", null, h("td", null, day(each.day)), h("td", null, userLink(each.userId)), runsCells(each)),
    frame: tableFrame(t("usage.byUser"), headings),
    none: () => h("p", { class: "soft" }, t("usage.nothing")),
    signal,
  });
}

/** @param {string} userId */
function userLink(userId) {
  return h("a", { href: `#/usage/everyone?${new URLSearchParams({ userId })}` }, h("code", null, userId));
}
