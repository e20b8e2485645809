/** Bytes, dollars, times and numbers as people read them. */

import { LANGUAGE } from "./texts.js";

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];

/** 1843200 → "1.8 MB". @param {number} count */
export function bytes(count) {
  let place = 0;
  let value = count;
  while (value >= 1000 && place < UNITS.length - 1) {
    value /= 1000;
    place += 1;
  }
  const digits = place === 0 || value >= 100 ? 0 : 1;
  const options = { style: /** @type {const} */ ("unit"), unit: UNITS[place], maximumFractionDigits: digits };
  return new Intl.NumberFormat(LANGUAGE, { ...options, unitDisplay: "short" }).format(value);
}

/** Dollars with two digits that say something: $12.30, $0.0017. @param {number} amount */
export function dollars(amount) {
  const small = amount !== 0 && Math.abs(amount) < 0.1;
  const digits = small ? { maximumSignificantDigits: 2 } : { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  return new Intl.NumberFormat(LANGUAGE, { style: "currency", currency: "USD", ...digits }).format(amount);
}

/** @param {number} value */
export function number(value) {
  return new Intl.NumberFormat(LANGUAGE).format(value);
}

/** A share of one as "42%". @param {number} share */
export function percent(share) {
  return new Intl.NumberFormat(LANGUAGE, { style: "percent", maximumFractionDigits: 0 }).format(share);
}

/** A moment in the reader's own zone. @param {string | Date} moment */
export function time(moment) {
  return new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium", timeStyle: "short" }).format(new Date(moment));
}

/** A day as the API has it ("2026-11-28", in UTC). @param {string} day */
export function day(day) {
  return new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium", timeZone: "UTC" }).format(new Date(`${day}T00:00Z`));
}

const STEPS = /** @type {const} */ ([
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
]);

/** "5 minutes ago", "in 2 hours", or a date where that is more than a week away. @param {string | Date} moment */
export function ago(moment) {
  const seconds = (new Date(moment).getTime() - Date.now()) / 1000;
  if (Math.abs(seconds) > 7 * 86_400) return time(moment);
  const words = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto" });
  for (const [unit, size] of STEPS) {
    if (Math.abs(seconds) >= size) return words.format(Math.round(seconds / size), unit);
  }
  return words.format(Math.round(seconds), "second");
}

/** 0.42 s, 8.4 s, 3 min. @param {number} milliseconds */
export function duration(milliseconds) {
  const [value, unit] = milliseconds < 60_000 ? [milliseconds / 1000, "second"] : [milliseconds / 60_000, "minute"];
  const digits = value < 10 ? { maximumSignificantDigits: 2 } : { maximumFractionDigits: 0 };
  return new Intl.NumberFormat(LANGUAGE, { style: "unit", unit, unitDisplay: "short", ...digits }).format(value);
}
