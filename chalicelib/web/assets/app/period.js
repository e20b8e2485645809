/** The choice of a period of days, in UTC as the API counts them. */

import { h } from "../base/dom.js";
import { buildField } from "./forms.js";
import { t } from "./texts.js";

const DAY = 86_400_000;
const LENGTHS = ["7", "30", "90", "365"];
const USUAL = "30";

/** Today as the API has it: 2026-11-28. */
export function today() {
  return new Date().toISOString().slice(0, 10);
}

/** A day so many days before another. @param {string} day @param {number} count */
export function daysBefore(day, count) {
  return new Date(Date.parse(day) - count * DAY).toISOString().slice(0, 10);
}

/** All days of a period, its ends included. @param {{start: string, end: string}} period */
export function daysOf({ start, end }) {
  const count = (Date.parse(end) - Date.parse(start)) / DAY + 1;
  return Array.from({ length: count }, (_, place) => daysBefore(start, -place));
}

/** Fields named `days`, `start` and `end`. @param {URLSearchParams} [query] */
export function periodFields(query = new URLSearchParams()) {
  const days = query.get("days") ?? USUAL;
  const options = /** @type {[string, string][]} */ ([
    ...LENGTHS.map((each) => [each, t("period.days", { count: Number(each) })]),
    ["own", t("period.own")],
  ]);
  const length = buildField({ name: "days", label: t("period.label"), type: "select", value: days, options });
  const { start, end } = chosenPeriod({ days, start: query.get("start"), end: query.get("end") });
  const attributes = { max: today(), required: true };
  const ends = h("div", { class: "ends" }, [
    buildField({ name: "start", label: t("period.start"), type: "date", value: start, attributes }),
    buildField({ name: "end", label: t("period.end"), type: "date", value: end, attributes }),
  ]);
  const choice = /** @type {HTMLSelectElement} */ (length.querySelector("select"));
  const show = () => (ends.hidden = choice.value !== "own");
  choice.addEventListener("change", show);
  show();
  return [length, ends];
}

/** The period that is chosen in these fields. @param {Record<string, any>} chosen */
export function chosenPeriod({ days, start, end }) {
  const last = today();
  const usual = daysBefore(last, Number(LENGTHS.includes(days) ? days : USUAL) - 1);
  return days === "own" ? { start: start || usual, end: end || last } : { start: usual, end: last };
}
