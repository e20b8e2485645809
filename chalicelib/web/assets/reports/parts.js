/** The parts of a report's JSON file as the page shows them: key figures, plots, tables. */

import { h, table } from "../base/dom.js";
import { FORMATS, figureText, figureWord, spell } from "../actions/figures.js";
import { day, number } from "../app/format.js";
import { daysOf } from "../app/period.js";
import { barPlot } from "../app/plots.js";
import { t, textOf } from "../app/texts.js";
import { keyFigures, section } from "../usage/sums.js";

/** @typedef {Record<string, any>} Report */

// What is drawn by day: the columns of one plot, of the table of that name.
const BY_DAY = [
  { of: "byDay", columns: ["requests", "failures"] },
  { of: "byDay", columns: ["dollars"] },
  { of: "byDay", columns: ["images", "failed"] },
  { of: "byDay", columns: ["bytes"] },
  { of: "usersByDay", columns: ["activeUsers"] },
];
// The counts that are drawn beside those of the period before.
const COUNTS = ["requests", "failures", "images", "completed", "failed", "deleted", "activeUsers"];

/** @param {Report} report @param {AbortSignal} signal @returns {Node[]} */
export function reportParts(report, signal) {
  const figures = Object.entries(report.figures).map(
    ([name, value]) => /** @type {[string, string]} */ ([figureWord(name), figureText(name, value)]),
  );
  const tables = Object.entries(report).filter(([, rows]) => Array.isArray(rows) && rows.length > 0);
  const plots = [comparison(report, signal), ...BY_DAY.map((each) => plotByDay(report, each, signal))];
  return [
    keyFigures(figures),
    ...plots.filter((each) => each !== null).map((each) => h("section", { class: "card" }, each)),
    ...tables.map(([name, rows]) => section(textOf("reportTable", name) ?? spell(name), rowsTable(name, rows, report))),
  ];
}

/** @param {Report} report @param {{of: string, columns: string[]}} plot @param {AbortSignal} signal */
function plotByDay(report, { of, columns }, signal) {
  const rows = /** @type {any[]} */ (report[of] ?? []);
  if (rows.length === 0 || !columns.every((column) => column in rows[0])) return null;
  const days = daysOf(report.period);
  const found = new Map(rows.map((row) => [row.day, row]));
  const series = columns.map((column, place) => ({
    label: figureWord(column),
    values: days.map((each) => found.get(each)?.[column] ?? 0),
    format: FORMATS[column] ?? number,
    color: place < columns.length - 1 ? "--second" : "--accent",
  }));
  const what = columns.map(figureWord).join(", ");
  return barPlot(t("reports.byDay", { what }), days.map(day), series, signal);
}

/** This period's counts beside those of the one before. @param {Report} report @param {AbortSignal} signal */
function comparison(report, signal) {
  if (!report.comparison) return null;
  // Its rows have the figures' order, and no names for programs.
  const rows = Object.keys(report.figures).map((name, place) => ({ name, ...report.comparison[place] }));
  const counts = rows.filter(({ name }) => COUNTS.includes(name));
  const series = [
    { label: figureWord("before"), values: counts.map(({ before }) => before), format: number, color: "--second" },
    { label: figureWord("value"), values: counts.map(({ value }) => value), format: number, color: "--accent" },
  ];
  const labels = counts.map(({ name }) => figureWord(name));
  return barPlot(t("reports.compared"), labels, series, signal, { isBeside: true });
}

/** @param {string} name @param {Record<string, any>[]} rows @param {Report} report */
function rowsTable(name, rows, report) {
  const columns = Object.keys(rows[0]);
  // Each row of a comparison has a unit of its own: that of its figure.
  const units = name === "comparison" ? Object.keys(report.figures) : [];
  const lines = rows.map((row, place) =>
    h(
      "tr",
      null,
      columns.map((column) => cell(column, units[place], row[column])),
    ),
  );
  return table(
    columns.map((column) => columnWord(name, column)),
    lines,
    textOf("reportTable", name) ?? spell(name),
  );
}

/** @param {string} table @param {string} column */
function columnWord(table, column) {
  // Other tables than that by day count images of a kind, and not all that were uploaded.
  return column === "images" && table !== "byDay" ? t("nav.images") : figureWord(column);
}

/** @param {string} column @param {string | undefined} unit @param {any} value */
function cell(column, unit, value) {
  if (column === "figure" && unit) return h("td", null, figureWord(unit));
  const name = unit && column !== "change" ? unit : column;
  return h("td", { class: typeof value === "number" && "number" }, figureText(name, value));
}
