/** Shows a JSON Schema as a tree of fields: types, bounds, what is required, and what each field means. */

import { merged } from "./contract.js";
import { h, prose } from "./elements.js";

/** @typedef {import("./contract.js").Contract} Contract */
/** @typedef {import("./contract.js").Schema} Schema */

const FORMATS = { "date-time": "a time", date: "a day", email: "an e-mail address", uri: "a URL" };
// Deeper fields wait until they are opened.
const OPEN_DEPTH = 2;

/** The fields of a schema, or its type where it has none. @param {Contract} contract @param {Schema} schema */
export function schemaTree(contract, schema) {
  const fields = inner(contract, schema, []);
  return h("div", { class: "schema" }, fields ?? h("p", null, typeOf(contract, schema)));
}

/** One row: a name, what it holds, and the fields in it. @param {Contract} contract @param {string} name @param {Schema} reference @param {{required?: boolean, path?: Schema[]}} [options] */
export function field(contract, name, reference, { required = false, path = [] } = {}) {
  const schema = merged(contract, reference);
  const nested = path.includes(schema.properties) ? null : inner(contract, schema, path);
  return h(
    "li",
    { "data-field": name },
    h("div", { class: "field" },
      h("code", { class: "name" }, name),
      h("span", { class: "type" }, typeOf(contract, schema)),
      required && h("span", { class: "required" }, "required"),
      schema.deprecated && h("span", { class: "required" }, "deprecated"),
      schema.readOnly && h("span", { class: "type" }, "read-only"),
    ),
    facts(schema),
    prose(schema.description),
    nested && h("details", { open: path.length < OPEN_DEPTH }, h("summary", null, "Fields"), nested),
  );
}

/** The fields in a schema, in those of its items, or in each of its alternatives. @param {Contract} contract @param {Schema} reference @param {Schema[]} path @returns {HTMLElement | null} */
function inner(contract, reference, path) {
  const schema = merged(contract, reference);
  if (schema.items) return inner(contract, schema.items, path);
  const lists = [ownFields(contract, schema, path), alternatives(contract, schema, path)].filter((list) => list !== null);
  return lists.length ? h("div", null, lists) : null;
}

/** @param {Contract} contract @param {Schema} schema @param {Schema[]} path */
function ownFields(contract, { properties = {}, required = [], additionalProperties, propertyNames }, path) {
  const deeper = [...path, properties];
  const rows = Object.entries(properties).map(([name, each]) =>
    field(contract, name, each, { required: required.includes(name), path: deeper }),
  );
  if (additionalProperties && typeof additionalProperties === "object") {
    const description = propertyNames?.pattern ? `A name that matches \`${propertyNames.pattern}\`.` : undefined;
    rows.push(field(contract, "any name", { description, ...additionalProperties }, { path: deeper }));
  }
  return rows.length ? h("ul", { class: "fields" }, rows) : null;
}

/** @param {Contract} contract @param {Schema} schema @param {Schema[]} path */
function alternatives(contract, { oneOf, anyOf }, path) {
  const options = (oneOf ?? anyOf ?? []).map((/** @type {Schema} */ each) => ({ each, fields: inner(contract, each, path) }));
  if (!options.some((/** @type {any} */ { fields }) => fields)) return null;
  if (options.filter((/** @type {any} */ { fields }) => fields).length === 1) return options.find((/** @type {any} */ { fields }) => fields).fields;
  return h("div", { class: "alternatives" }, options.map((/** @type {any} */ { each, fields }, /** @type {number} */ place) =>
    h("section", null, h("h4", null, place ? "or " : "Either ", contract.resolve(each).title ?? typeOf(contract, each)), fields),
  ));
}

/** What kind of value it is, in words. @param {Contract} contract @param {Schema} reference @returns {string} */
export function typeOf(contract, reference) {
  const schema = merged(contract, reference);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const options = schema.oneOf ?? schema.anyOf;
  if (options && !schema.type) return [...new Set(options.map((/** @type {Schema} */ each) => typeOf(contract, each)))].join(" or ");
  const types = [schema.type ?? (schema.enum ? [...new Set(schema.enum.map((/** @type {any} */ value) => typeof value))] : "any value")].flat();
  return types.map((type) => (type === "array" ? `list of ${typeOf(contract, schema.items ?? {})}` : (formatOf(type, schema) ?? type))).join(" or ");
}

/** @param {string} type @param {Schema} schema */
function formatOf(type, { format }) {
  return type === "string" && format ? `string, ${FORMATS[/** @type {"date"} */ (format)] ?? format}` : undefined;
}

/** What else a value must be. @param {Schema} schema */
export function facts(schema) {
  const items = schema.items ?? {};
  const bounds = [
    range(schema.minimum ?? schema.exclusiveMinimum, schema.maximum ?? schema.exclusiveMaximum, ""),
    range(schema.minLength, schema.maxLength, " characters"),
    range(schema.minItems, schema.maxItems, " items"),
    range(schema.minProperties, schema.maxProperties, " fields"),
    items.maxLength && `each ${range(items.minLength, items.maxLength, " characters")}`,
    schema.multipleOf && `in steps of ${schema.multipleOf}`,
    schema.uniqueItems && "all different",
    schema.default !== undefined && ["default ", h("code", null, JSON.stringify(schema.default))],
    schema.pattern && ["matches ", h("code", null, schema.pattern)],
  ].filter(Boolean);
  const values = schema.enum ?? items.enum;
  return [
    bounds.length > 0 && h("p", { class: "facts" }, bounds.map((bound, place) => [place ? " · " : "", bound].flat()).flat()),
    values && h("p", { class: "facts" }, "One of ", values.map((/** @type {any} */ value) => [h("code", null, value === null ? "null" : value), " "]).flat()),
  ];
}

/** @param {number | undefined} least @param {number | undefined} most @param {string} unit */
function range(least, most, unit) {
  const [low, high] = [least, most].map((bound) => bound?.toLocaleString("en"));
  if (low !== undefined && high !== undefined) return low === high ? `exactly ${low}${unit}` : `${low} to ${high}${unit}`;
  if (low !== undefined) return `at least ${low}${unit}`;
  return high === undefined ? "" : `at most ${high}${unit}`;
}
