/** What was used in a period: key figures, plots by day, and tables. */

import { h, table } from "../base/dom.js";
import { bytes, day, dollars, duration, number, percent } from "../app/format.js";
import { daysOf } from "../app/period.js";
import { barPlot } from "../app/plots.js";
import { t, textOf } from "../app/texts.js";
import { limitBars } from "./limits.js";

/** @typedef {{requests: number, failures: number, dollars: number, milliseconds: number}} Runs */
const NOTHING = { requests: 0, failures: 0, dollars: 0, milliseconds: 0 };

/**
 * @param {any} usage the API's answer @param {Record<string, string>} keyNames by their ids
 * @param {AbortSignal} signal
 */
export function usageOverview(usage, keyNames, signal) {
  return [
    keyFigures(figuresOf(usage.totals)),
    ...plotsByDay(usage, signal),
    h(
      "div",
      { class: "halves" },
      usage.limits && limits(usage.limits),
      section(t("usage.images"), images(usage.images)),
    ),
    section(t("usage.byOperation"), runsTable(t("usage.operation"), usage.byOperation, operationCell)),
    usage.byKey.length > 0 &&
      section(
        t("usage.byKey"),
        runsTable(t("usage.key"), usage.byKey, ({ keyId }) => keyNames[keyId] ?? h("code", null, keyId)),
      ),
  ];
}

/** @param {[string, string][]} figures name and value */
export function keyFigures(figures) {
  const pairs = figures.map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value)));
  return h("dl", { class: "figures" }, pairs);
}

/** @param {Runs} totals @returns {[string, string][]} */
function figuresOf(totals) {
  const share = totals.requests ? ` · ${percent(totals.failures / totals.requests)}` : "";
  return [
    [t("usage.requests"), number(totals.requests)],
    [t("usage.failures"), number(totals.failures) + share],
    [t("usage.dollars"), dollars(totals.dollars)],
    [t("usage.average"), totals.requests ? duration(totals.milliseconds / totals.requests) : "–"],
  ];
}

/** @param {any} usage @param {AbortSignal} signal */
function plotsByDay(usage, signal) {
  const days = daysOf(usage.period);
  const found = new Map(usage.byDay.map((/** @type {any} */ each) => [each.day, each]));
  const labels = days.map(day);
  const values = (/** @type {keyof Runs} */ name) => days.map((each) => (found.get(each) ?? NOTHING)[name]);
  const requests = [
    { label: t("usage.requests"), values: values("requests"), format: number, color: "--second" },
    { label: t("usage.failures"), values: values("failures"), format: number, color: "--accent" },
  ];
  const cost = [{ label: t("usage.dollars"), values: values("dollars"), format: dollars }];
  return [
    h("section", { class: "card" }, barPlot(t("usage.requestsByDay"), labels, requests, signal)),
    h("section", { class: "card" }, barPlot(t("usage.dollarsByDay"), labels, cost, signal)),
  ];
}

/** @param {Record<string, number>} counts: statuses, and formats and reasons of failures behind a colon */
function images(counts) {
  const rows = Object.entries(counts)
    .filter(([name]) => name !== "bytes")
    .sort(([one], [other]) => ORDER.indexOf(part(one)) - ORDER.indexOf(part(other)) || one.localeCompare(other))
    .map(([name, count]) => [imageWords(name), number(count)]);
  if (counts.bytes) rows.push([t("usage.bytes"), bytes(counts.bytes)]);
  if (rows.length === 0) return h("p", { class: "soft" }, t("usage.noImages"));
  return h("dl", { class: "facts" }, rows.map(([name, value]) => [h("dt", null, name), h("dd", null, value)]).flat());
}

const ORDER = ["images", "completed", "failed", "deleted", "format"];

/** @param {string} name */
function part(name) {
  return name.split(":", 1)[0];
}

/** @param {string} name */
function imageWords(name) {
  const [what, detail] = name.split(":", 2);
  const words = textOf("imageSum", what) ?? what;
  return detail ? `${words}: ${detail.replaceAll("_", " ")}` : words;
}

/** @param {any} row */
function operationCell({ operation }) {
  return h("code", null, operation);
}

/**
 * @param {string} heading @param {any[]} rows @param {(row: any) => Node | string} cell the first one
 * @returns {HTMLElement}
 */
export function runsTable(heading, rows, cell) {
  if (rows.length === 0) return h("p", { class: "soft" }, t("usage.nothing"));
  const heads = [heading, t("usage.requests"), t("usage.failures"), t("usage.dollars"), t("usage.average")];
  const lines = rows.map((row) => h("tr", null, h("th", { scope: "row" }, cell(row)), runsCells(row)));
  return table(heads, lines, heading);
}

/** @param {Runs} runs */
export function runsCells(runs) {
  const average = runs.requests ? duration(runs.milliseconds / runs.requests) : "–";
  const cells = [number(runs.requests), number(runs.failures), dollars(runs.dollars), average];
  return cells.map((each) => h("td", { class: "number" }, each));
}

/** @param {Record<string, import("./limits.js").Standing>} standings */
function limits(standings) {
  return section(t("limits.title"), limitBars(standings));
}

/** @param {string} title @param {Node} content */
export function section(title, content) {
  return h("section", { class: "card" }, h("h2", null, title), content);
}
