/** One report: its figures, plots and tables, drawn from its JSON file. */

import { h } from "../base/dom.js";
import { downloads } from "../actions/files.js";
import { titleOf } from "../actions/words.js";
import { UnreachableError, call, path } from "../app/api.js";
import { days } from "../app/format.js";
import { icon } from "../app/icons.js";
import { go } from "../app/address.js";
import { later } from "../app/states.js";
import { t } from "../app/texts.js";
import { reportParts } from "../reports/parts.js";

/** @param {import("../app/views.js").Place} place */
export function show({ params, signal }) {
  const back = h("a", { href: "#/reports", class: "button plain" }, icon("back"), t("nav.reports"));
  const head = h("div", { class: "head" }, h("h1", null, t("reports.title")), back);
  return h(
    "div",
    null,
    head,
    later(() => read(params.actionId, signal), signal),
  );
}

/** @param {string} actionId @param {AbortSignal} signal */
async function read(actionId, signal) {
  const { action } = await call("GET", path`actions/${actionId}`, { signal });
  const file = action.files.find((/** @type {any} */ each) => each.format === "json");
  if (action.status !== "COMPLETED" || !file) {
    // Where it is under way, or was made by an external service, its action says so.
    go(`actions/${encodeURIComponent(actionId)}`);
    return [];
  }
  const report = await readFile(file.url, signal);
  const head = h(
    "section",
    { class: "card" },
    h("h2", null, titleOf(action)),
    h("p", { class: "soft" }, [days(report.period), ...Object.values(report.filters).map(String)].join(" · ")),
    h("p", { class: "actions" }, downloads(action)),
  );
  return [head, ...reportParts(report, signal)];
}

/** @param {string} url @param {AbortSignal} signal */
async function readFile(url, signal) {
  const response = await fetch(url, { signal, credentials: "omit" }).catch((error) => {
    if (signal.aborted) throw error;
    throw new UnreachableError();
  });
  if (!response.ok) throw new Error(t("reports.unreadable", { status: response.status }));
  return response.json();
}
