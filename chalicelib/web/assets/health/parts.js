/** The parts of the view of health. */

import { h, table } from "../base/dom.js";
import { spell } from "../actions/figures.js";
import { ago, duration, number } from "../app/format.js";
import { icon } from "../app/icons.js";
import { t, textOf } from "../app/texts.js";
import { section } from "../usage/sums.js";

const LOOKS = /** @type {Record<string, string>} */ ({ ok: "good", degraded: "going", down: "bad", unknown: "going" });

/** @param {string} status */
export function statusBadge(status) {
  return h("span", { class: `badge ${LOOKS[status] ?? ""}` }, textOf("healthStatus", status) ?? spell(status));
}

/** @param {{name: string, status: string, detail: string}[]} all those with something wrong stand first */
export function dependencies(all) {
  const wrong = all.filter(({ status }) => status !== "ok");
  const well = all.filter(({ status }) => status === "ok");
  const lines = wrong.map(({ name, status, detail }) =>
    h(
      "li",
      null,
      h("div", null, h("p", { class: "row-title" }, name), h("p", { class: "small soft" }, detail)),
      statusBadge(status),
    ),
  );
  const names = well.map(({ name }) => h("li", null, icon("check"), name));
  return section(
    t("health.dependencies"),
    h(
      "div",
      null,
      lines.length > 0 && h("ul", { class: "rows", role: "list" }, lines),
      all.length === 0 && h("p", { class: "soft" }, t("health.unchecked")),
      names.length > 0 && h("h3", null, t("health.well", { count: names.length })),
      names.length > 0 && h("ul", { class: "well", role: "list" }, names),
    ),
  );
}

/** @param {any[]} all */
export function jobs(all) {
  const headings = [t("health.job"), t("health.schedule"), t("health.lastRun"), t("health.nextRun")];
  const rows = all.map(({ name, schedule, lastRun, nextRunAt, overdue }) =>
    h(
      "tr",
      null,
      h("th", { scope: "row" }, spell(name)),
      h("td", null, scheduleWords(schedule)),
      h("td", null, lastRun ? runWords(lastRun) : t("health.never"), overdue && overdueNote(overdue)),
      h("td", null, nextRunAt ? ago(nextRunAt) : "–"),
    ),
  );
  return section(t("health.jobs"), table(headings, rows, t("health.jobs")));
}

/** `rate(15 minutes)` in words; what a cron expression means, the next run shows. @param {string | null} schedule */
function scheduleWords(schedule) {
  if (!schedule) return t("health.off");
  const rate = /^rate\((.+)\)$/.exec(schedule);
  return rate ? t("health.every", { time: rate[1] }) : h("code", null, schedule);
}

/** @param {{startedAt: string, seconds: number | null, outcome: string}} run */
function runWords({ startedAt, seconds, outcome }) {
  const took = seconds === null ? "" : ` · ${duration(seconds * 1000)}`;
  const look = { running: "going", success: "good", partial: "going", failed: "bad" }[outcome] ?? LOOKS[outcome] ?? "";
  const word = textOf("sync", outcome) ?? textOf("healthStatus", outcome) ?? spell(outcome);
  return h("span", null, h("span", { class: `badge ${look}` }, word), ` ${ago(startedAt)}${took}`);
}

/** @param {{why: string, expectedAt: string}} overdue */
function overdueNote({ why, expectedAt }) {
  const words = t(why === "missed" ? "health.missed" : "health.unfinished", { when: ago(expectedAt) });
  return h("p", { class: "why" }, icon("warning"), ` ${words}`);
}

/** @param {any[]} all */
export function queues(all) {
  const headings = [t("health.queue"), t("health.waiting"), t("health.inFlight"), t("health.oldest")];
  return section(t("health.queues"), table(headings, all.map(queueRow), t("health.queues")));
}

/** @param {any} queue */
function queueRow({ name, waiting, inFlight, oldestSince, detail }) {
  const rest = detail
    ? h("td", { colspan: 3, class: "why" }, t("health.noAnswer", { detail }))
    : [waiting, inFlight].map((each) => h("td", { class: "number" }, each === null ? "–" : number(each)));
  const oldest = !detail && h("td", null, oldestSince ? ago(oldestSince) : "–");
  return h("tr", null, h("th", { scope: "row" }, name), rest, oldest);
}

/** What failed too often, with a word on what to do. @param {any[]} all */
export function deadLetters(all) {
  const held = all.filter(({ waiting, inFlight, detail }) => waiting > 0 || inFlight > 0 || detail);
  if (held.length === 0) return section(t("health.dead"), h("p", { class: "soft" }, t("health.noDead")));
  const headings = [t("health.queue"), t("health.waiting"), t("health.inFlight"), t("health.oldest")];
  return section(
    t("health.dead"),
    h(
      "div",
      null,
      h("div", { class: "note bad" }, icon("warning"), " ", t("health.deadNote")),
      table(headings, held.map(queueRow), t("health.dead")),
    ),
  );
}
