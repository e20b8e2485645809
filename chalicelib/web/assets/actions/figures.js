/** Figures that the API gives by name, like `averageMilliseconds`: the name and the value as people read them. */

import { bytes, day, dollars, duration, number, percent } from "../app/format.js";
import { t, textOf } from "../app/texts.js";

/** @type {Record<string, (value: any) => string>} */
export const FORMATS = {
  bytes,
  fileSize: bytes,
  day,
  dollars,
  milliseconds: duration,
  averageMilliseconds: duration,
  failureRate: rate,
  completionRate: rate,
  share: rate,
  change: signedRate,
};

/** A code like SEND_LETTER or activeUsers as words: "Send letter", "Active users". @param {string} code */
export function spell(code) {
  const words = code
    .replace(/([a-z])([A-Z])/g, "$1_$2")
    .replaceAll("_", " ")
    .trim()
    .toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** @param {string} name of a figure */
export function figureWord(name) {
  return textOf("figure", name) ?? spell(name);
}

/** @param {string} name of the figure @param {unknown} value */
export function figureText(name, value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return t(value ? "figure.yes" : "figure.no");
  if (typeof value !== "number" && name !== "day") return String(value);
  return (FORMATS[name] ?? number)(value);
}

/** @param {number} value of 100 */
function rate(value) {
  return percent(value / 100);
}

/** @param {number} value of 100 */
function signedRate(value) {
  return `${value > 0 ? "+" : ""}${percent(value / 100)}`;
}
