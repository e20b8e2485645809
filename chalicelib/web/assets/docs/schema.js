/** Shows a JSON Schema as a tree of fields: types, bounds, what is required, and what each field means. */

import { merged } from "./contract.js";
import { prose } from "./elements.js";
import { h } from "../base/dom.js";

/** @typedef {import("./contract.js").Contract} Contract */
/** @typedef {import("./contract.js").Schema} Schema */
/**
 * Where in a tree: `answered` is of an answer, `path` holds the properties of the objects above.
 * @typedef {{contract: Contract, answered: boolean, path: Schema[]}} Place
 */

const FORMATS = { "date-time": "a time", date: "a day", email: "an e-mail address", uri: "a URL" };
// Deeper fields wait until they are opened.
const OPEN_DEPTH = 2;
const LONGEST_PATTERN = 48;

/**
 * The fields of a schema, or its type where it has none. Of what is sent the required fields are marked, of what is
 * answered the optional ones.
 * @param {Contract} contract
 * @param {Schema} schema
 * @param {boolean} answered
 */
export function schemaTree(contract, schema, answered) {
  const fields = inner(schema, { contract, answered, path: [] });
  return h("div", { class: "schema" }, fields ?? h("p", null, typeOf(contract, schema)));
}

/**
 * One row: a name, what it holds, and the fields in it.
 * @param {string} name
 * @param {Schema} reference
 * @param {boolean} required
 * @param {Place} place
 */
export function field(name, reference, required, place) {
  const schema = merged(place.contract, reference);
  const nested = inner(schema, place);
  return h(
    "li",
    { "data-field": name },
    h(
      "div",
      { class: "field" },
      h("code", { class: "name" }, name),
      h("span", { class: "type" }, typeOf(place.contract, schema)),
      required && !place.answered && h("span", { class: "required" }, "required"),
      !required && place.answered && h("span", { class: "type" }, "optional"),
      schema.deprecated && h("span", { class: "required" }, "deprecated"),
    ),
    prose(schema.description, place.contract.linkOf),
    facts(schema),
    nested && h("details", { open: place.path.length < OPEN_DEPTH }, h("summary", null, "Fields"), nested),
  );
}

/**
 * The fields in a schema, in those of its items, or in each of its alternatives.
 * @param {Schema} reference
 * @param {Place} place
 * @returns {HTMLElement | null}
 */
function inner(reference, place) {
  const schema = merged(place.contract, reference);
  if (schema.items) return inner(schema.items, place);
  const lists = [ownFields(schema, place), alternatives(schema, place)].filter((list) => list !== null);
  return lists.length ? h("div", null, lists) : null;
}

/** @param {Schema} schema @param {Place} place */
function ownFields({ properties = {}, required = [], additionalProperties, propertyNames }, place) {
  if (place.path.includes(properties)) return h("p", { class: "note" }, "The same fields again.");
  const deeper = { ...place, path: [...place.path, properties] };
  const rows = Object.entries(properties).map(([name, each]) => field(name, each, required.includes(name), deeper));
  if (additionalProperties && typeof additionalProperties === "object") {
    const description = propertyNames?.pattern ? `A name that matches \`${propertyNames.pattern}\`.` : undefined;
    rows.push(field("any name", { description, ...additionalProperties }, place.answered, deeper));
  }
  return rows.length ? h("ul", { class: "fields" }, rows) : null;
}

/** @param {Schema} schema @param {Place} place @returns {HTMLElement | null} */
function alternatives({ oneOf, anyOf }, place) {
  /** @type {Schema[]} */
  const options = oneOf ?? anyOf ?? [];
  const shown = options.flatMap((option) => {
    const fields = inner(option, place);
    return fields ? [{ option, fields }] : [];
  });
  if (shown.length < 2) return shown[0]?.fields ?? null;
  return h(
    "div",
    { class: "alternatives" },
    shown.map(({ option, fields }, at) =>
      h(
        "section",
        null,
        h("h3", null, at ? "or " : "Either ", merged(place.contract, option).title ?? "these fields"),
        fields,
      ),
    ),
  );
}

/** What kind of value it is, in words. @param {Contract} contract @param {Schema} reference @returns {string} */
export function typeOf(contract, reference) {
  const schema = merged(contract, reference);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  /** @type {Schema[] | undefined} */
  const options = schema.oneOf ?? schema.anyOf;
  if (options && !schema.type) return [...new Set(options.map((each) => typeOf(contract, each)))].join(" or ");
  const inferred = schema.enum
    ? [...new Set(schema.enum.map((/** @type {any} */ value) => (value === null ? "null" : typeof value)))]
    : "any value";
  return [schema.type ?? inferred]
    .flat()
    .map((type) => {
      if (type === "array") return `list of ${typeOf(contract, schema.items ?? {})}`;
      return type === "string" && schema.format
        ? `string, ${FORMATS[/** @type {"date"} */ (schema.format)] ?? schema.format}`
        : type;
    })
    .join(" or ");
}

/** What else a value must be. @param {Schema} schema */
function facts(schema) {
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
    schema.pattern && ["matches ", h("code", { title: schema.pattern }, shortened(schema.pattern))],
    schema.examples && !schema.enum && ["such as ", h("code", null, JSON.stringify(schema.examples[0]))],
  ].filter(Boolean);
  /** @type {any[] | undefined} */
  const values = schema.enum ?? items.enum;
  return [
    bounds.length > 0 &&
      h(
        "p",
        { class: "facts" },
        bounds.flatMap((bound, at) => [at ? " · " : "", bound].flat()),
      ),
    values &&
      h(
        "p",
        { class: "facts" },
        "One of ",
        values.flatMap((value) => [h("code", null, String(value)), " "]),
      ),
  ];
}

/** @param {string} pattern */
function shortened(pattern) {
  return pattern.length > LONGEST_PATTERN ? `${pattern.slice(0, LONGEST_PATTERN)}…` : pattern;
}

/** @param {number | undefined} least @param {number | undefined} most @param {string} unit */
function range(least, most, unit) {
  const [low, high] = [least, most].map((bound) => bound?.toLocaleString("en"));
  if (low !== undefined && high !== undefined)
    return low === high ? `exactly ${low}${unit}` : `${low} to ${high}${unit}`;
  if (low !== undefined) return `at least ${low}${unit}`;
  return high === undefined ? "" : `at most ${high}${unit}`;
}
