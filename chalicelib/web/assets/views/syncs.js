/** The scheduled syncs of customers, newest first, for administrators. */

import { h, table } from "../base/dom.js";
import { spell } from "../actions/figures.js";
import { filtered } from "../app/filters.js";
import { duration, number, time } from "../app/format.js";
import { listRow, pagedList, rowsFrame } from "../app/lists.js";
import { empty } from "../app/states.js";
import { t, textOf } from "../app/texts.js";

const STATES = ["running", "success", "partial", "failed", "skipped"];
const LOOKS = /** @type {Record<string, string>} */ ({
  running: "going",
  success: "good",
  partial: "going",
  failed: "bad",
});
const COUNTS = ["recordCount", "created", "updated", "unchanged", "rejected", "archived", "contested"];

/** @param {import("../app/views.js").Place} place */
export function show({ query, signal }) {
  const all = /** @type {[string, string]} */ (["", t("filter.all")]);
  const options = STATES.map((each) => /** @type {[string, string]} */ ([each, word(each)]));
  const status = {
    name: "status",
    label: t("actions.status"),
    type: "select",
    value: query.get("status") ?? "",
    options: [all, ...options],
  };
  const list = filtered({
    address: "syncs",
    fields: [status],
    build: (chosen, left) =>
      pagedList({
        path: "admin/syncs",
        query: chosen,
        row: syncRow,
        frame: rowsFrame(t("nav.syncs")),
        none: () => empty("syncs", t("syncs.none"), t(chosen.status ? "filter.noneText" : "syncs.noneText")),
        signal: left,
      }),
    signal,
  });
  return h("div", null, h("div", { class: "head" }, h("h1", null, t("nav.syncs"))), list.node);
}

/** @param {string} status */
function word(status) {
  return textOf("sync", status) ?? spell(status);
}

/** @param {any} sync */
function syncRow(sync) {
  const how = [textOf("sync", sync.kind) ?? sync.kind, sync.dryRun && t("syncs.dryRun")].filter(Boolean).join(" · ");
  const counts = COUNTS.filter((name) => sync[name] > 0 || name === "recordCount");
  const said = counts.map((name) => `${textOf("syncCount", name)} ${number(sync[name])}`).join(" · ");
  const took = sync.processingTime === null ? "" : ` · ${duration(sync.processingTime)}`;
  return listRow(
    h("span", null, `${spell(sync.source)}, ${how}`),
    [
      `${time(sync.executedAt)}${took}`,
      said,
      sync.reason && h("span", { class: "why" }, textOf("error", sync.reason) ?? sync.reason),
      details(sync),
    ],
    [h("span", { class: `badge ${LOOKS[sync.status] ?? ""}` }, word(sync.status))],
  );
}

/** @param {any} sync */
function details(sync) {
  const rows = sync.errors.map((/** @type {any} */ each) =>
    h("tr", null, h("td", null, each.recordId ? h("code", null, each.recordId) : "–"), h("td", null, each.reason)),
  );
  const errors =
    rows.length > 0 && table([t("syncs.record"), t("syncs.why")], rows, t("syncs.errors", { count: rows.length }));
  const changed = changedIds(sync.data).map(([kind, ids]) =>
    h("p", null, `${textOf("syncCount", kind) ?? spell(kind)}: `, h("code", null, ids.join(", "))),
  );
  const name = h("p", null, `${t("syncs.id")}: `, h("code", null, sync.syncId));
  const summary = rows.length > 0 ? t("syncs.errors", { count: rows.length }) : t("syncs.details");
  return h("details", null, h("summary", null, summary), errors, changed, name);
}

/** The first changed records, by kind of change. @param {string} data @returns {[string, string[]][]} */
function changedIds(data) {
  try {
    return /** @type {[string, string[]][]} */ (
      Object.entries(JSON.parse(data)).filter(([, ids]) => Array.isArray(ids) && ids.length > 0)
    );
  } catch {
    return [];
  }
}
