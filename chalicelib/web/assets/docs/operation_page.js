/** The page of one operation, or of one webhook. */

import { h, table, tabs } from "../base/dom.js";
import { field, schemaTree } from "./schema.js";
import { requestPanel } from "./try_it.js";
import { codeBlock, inline, jsonCode, methodBadge, prose } from "./elements.js";

/** @typedef {import("./contract.js").Contract} Contract */
/** @typedef {import("./contract.js").Operation} Operation */
/** @typedef {import("./session.js").Session} Session */

/** @param {Operation} operation @param {Session} session */
export function operationPage(operation, session) {
  return h(
    "article",
    { class: "operation" },
    h(
      "div",
      { class: "words" },
      heading(operation),
      inputOf(operation),
      answersOf(operation),
      failuresOf(operation),
      callbacksOf(operation),
    ),
    h("aside", { "aria-label": "Request and answer" }, requestPanel(operation, session), exampleAnswers(operation)),
  );
}

/** A webhook. @param {Operation} operation */
export function messagePage(operation) {
  const { body, contract } = operation;
  return h(
    "article",
    { class: "operation" },
    h("div", { class: "words" }, heading(operation, true), inputOf(operation, true), answersOf(operation)),
    h("aside", { "aria-label": "Example" }, body && exampleBlocks("body", contract.examples(body))),
  );
}

/** @param {Operation} operation @param {boolean} [isMessage] it is sent by the server */
function heading(operation, isMessage = false) {
  const { contract, id, summary, description, method, path, raw } = operation;
  return [
    h("h1", null, inline(summary)),
    h(
      "p",
      { class: "address" },
      methodBadge(method),
      h("code", null, path),
      h("code", { class: "id", title: "The operation's name" }, id),
    ),
    isMessage || securityOf(operation),
    raw.deprecated && h("p", { class: "problem" }, "This operation is deprecated."),
    prose(withoutSummary(description, summary), contract.linkOf),
  ];
}

/**
 * A description often begins with its summary, which is the heading already.
 * @param {string} description
 * @param {string} summary
 */
function withoutSummary(description, summary) {
  return description.startsWith(`${summary}.`) ? description.slice(summary.length + 1).trim() : description;
}

/** @param {Operation} operation */
function securityOf({ security }) {
  if (!security.length) return h("p", { class: "note" }, "Open to everyone.");
  const ways = security.flatMap(([name, scopes], place) => [
    place ? " or " : "",
    h("a", { href: "#authentication" }, h("code", null, name)),
    ...scopes.flatMap((scope, at) => [at ? " or " : " with ", h("code", null, scope)]),
  ]);
  return h("p", { class: "note" }, "Open to ", ways);
}

/** @param {Operation} operation @param {boolean} [isReceived] it is sent by the server */
function inputOf({ contract, parameters, body, bodyIsRequired }, isReceived = false) {
  const rows = (/** @type {string} */ where) =>
    parameters.filter((each) => each.in === where).map((each) => parameterRow(contract, each.name, each, isReceived));
  const [path, query, headers] = ["path", "query", "header"].map(rows);
  return [
    path.length > 0 && h("section", null, h("h2", null, "Path"), h("ul", { class: "fields" }, path)),
    query.length > 0 && h("section", null, h("h2", null, "Query"), h("ul", { class: "fields" }, query)),
    body &&
      h(
        "section",
        null,
        h("h2", null, "Body ", h("small", null, body.type, bodyIsRequired && !isReceived ? ", required" : "")),
        schemaTree(contract, body.schema, isReceived),
      ),
    headerList(headers),
  ];
}

/** @param {Contract} contract @param {string} name @param {any} parameter or a header @param {boolean} answered */
function parameterRow(contract, name, { required = false, description, schema, example }, answered) {
  const whole = contract.resolve(schema);
  const described = {
    ...whole,
    description: description ?? whole.description,
    examples: example === undefined ? whole.examples : [example],
  };
  return field(name, described, required || answered, { contract, answered, path: [] });
}

/** Most headers are the same everywhere: they wait until they are opened. @param {HTMLElement[]} rows */
function headerList(rows) {
  return (
    rows.length > 0 &&
    h("details", null, h("summary", null, `Headers (${rows.length})`), h("ul", { class: "fields" }, rows))
  );
}

/** @param {Operation} operation */
function answersOf({ contract, answers }) {
  const successes = answers.filter(({ status }) => /^[123]/.test(status));
  return successes.map(({ status, description, headers, media }) =>
    h(
      "section",
      null,
      h("h2", null, "Answer ", h("small", null, [status, media[0]?.type].filter(Boolean).join(", "))),
      prose(description, contract.linkOf),
      media[0] && schemaTree(contract, media[0].schema, true),
      headerList(headers.map(([name, header]) => parameterRow(contract, name, header, true))),
    ),
  );
}

/** @param {Operation} operation */
function failuresOf({ contract, failures }) {
  if (!failures.length) return null;
  const rows = failures.map(({ status, code, message, advice }) =>
    h(
      "tr",
      { "data-field": code },
      h("td", null, status),
      h("td", null, code && h("code", null, code)),
      h("td", null, message, advice && h("span", { class: "advice" }, prose(advice, contract.linkOf))),
    ),
  );
  return h(
    "section",
    null,
    h("h2", null, "Errors"),
    table(["Status", "Code", "What it says"], rows),
  );
}

/** @param {Operation} operation */
function callbacksOf({ callbacks }) {
  return callbacks.map(({ name, operation }) =>
    h(
      "section",
      { class: "callback" },
      h("h2", null, "Callback: ", name),
      h("p", { class: "address" }, methodBadge(operation.method), h("code", null, operation.path)),
      prose(operation.description || operation.summary),
      inputOf(operation, true),
    ),
  );
}

/** @param {Operation} operation */
function exampleAnswers({ contract, answers }) {
  const [first] =
    answers.find(({ status, media }) => /^2/.test(status) && media.some(({ type }) => type.includes("json")))?.media ??
    [];
  return first && exampleBlocks("answer", contract.examples(first));
}

/** @param {string} what @param {import("./contract.js").Example[]} examples */
function exampleBlocks(what, examples) {
  const blocks = examples.map(
    ({ title, value }) =>
      /** @type {[string, HTMLElement]} */ ([
        title,
        codeBlock(`example ${what}: ${title}`, jsonCode(JSON.stringify(value, null, 2))),
      ]),
  );
  return h(
    "section",
    { class: "example" },
    h("h2", null, `Example ${what}`),
    blocks.length > 1 ? tabs(`Example ${what}`, blocks) : blocks[0][1],
  );
}
