/** The page's words. Another language is another file beside english.js, chosen here. */

import { ENGLISH } from "./english.js";

/** @typedef {keyof typeof ENGLISH} Key */
/** @typedef {Record<string, string | number>} Values */

export const LANGUAGE = "en";
const PLURALS = new Intl.PluralRules(LANGUAGE);

/**
 * A text of the catalogue, with values in the places of their {names}. Of a text that has forms for one and for other
 * numbers, `count` chooses.
 * @param {Key} key @param {Values} [values]
 */
export function t(key, values = {}) {
  return fill(ENGLISH[key], values);
}

/** The text of a code that the API sends, or undefined. @param {string} prefix @param {string} code */
export function textOf(prefix, code) {
  const found = /** @type {Record<string, Form>} */ (ENGLISH)[`${prefix}.${code}`];
  return found === undefined ? undefined : fill(found, {});
}

/** @typedef {string | {one: string, other: string}} Form */

/** @param {Form} form @param {Values} values */
function fill(form, values) {
  const text = typeof form === "string" ? form : form[PLURALS.select(Number(values.count)) === "one" ? "one" : "other"];
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? shown(values[name]) : whole));
}

const NUMBERS = new Intl.NumberFormat(LANGUAGE);

/** @param {string | number} value */
function shown(value) {
  return typeof value === "number" ? NUMBERS.format(value) : value;
}
