/** What the reader used, what it cost, and what is left. */

import { h } from "../base/dom.js";
import { call } from "../app/api.js";
import { filtered } from "../app/filters.js";
import { chosenPeriod, periodFields } from "../app/period.js";
import { later } from "../app/states.js";
import { usageHead } from "../usage/head.js";
import { usageOverview } from "../usage/sums.js";

/** @param {import("../app/views.js").Place} place */
export function show({ query, signal }) {
  const content = filtered({
    address: "usage",
    fields: periodFields(query),
    build: (chosen, left) => later(() => read(chosenPeriod(chosen), left), left),
    signal,
  });
  return h("div", null, usageHead("usage"), content.node);
}

/** @param {{start: string, end: string}} period @param {AbortSignal} signal */
async function read(period, signal) {
  const usage = await call("GET", "usage", { query: period, signal });
  const names = usage.byKey.length > 0 ? await keyNames(signal) : {};
  return [h("div", null, usageOverview(usage, names, signal))];
}

/** The names of the reader's keys. @param {AbortSignal} signal @returns {Promise<Record<string, string>>} */
async function keyNames(signal) {
  const { items } = await call("GET", "keys", { signal });
  return Object.fromEntries(items.map((/** @type {any} */ each) => [each.keyId, each.name || each.keyId]));
}
