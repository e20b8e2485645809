/** What the content shows: the first page, one operation, all errors, or everything at once. */

import { API } from "./contract.js";
import { codeBlock, h, inline, jsonCode, prose, tabs } from "./elements.js";
import { field, schemaTree } from "./schema.js";
import { requestPanel } from "./try_it.js";

/** @typedef {import("./contract.js").Contract} Contract */
/** @typedef {import("./contract.js").Operation} Operation */
/** @typedef {import("./contract.js").Media} Media */
/** @typedef {import("./session.js").Session} Session */

/** The name of a method in its color. @param {string} method */
export function methodBadge(method) {
  return h("span", { class: `method ${method.toLowerCase()}` }, method);
}

/** What is at an address on this page. @param {Contract} contract @param {Session} session @param {string} address */
export function pageAt(contract, session, address) {
  const operation = contract.byId.get(address);
  if (operation) return operationPage(operation, session);
  const webhook = contract.webhooks.find(({ id }) => `webhook-${id}` === address);
  if (webhook) return messagePage(webhook);
  if (address === "errors") return errorsPage(contract);
  if (address === "everything") return everythingPage(contract, session);
  return overviewPage(contract);
}

/** @param {Contract} contract */
function overviewPage(contract) {
  const { info, components } = contract.document;
  return h("article", { class: "overview" },
    h("h1", null, info.title, " ", h("small", null, info.version)),
    info.summary && h("p", { class: "lead" }, info.summary),
    prose(info.description, contract.linkOf),
    h("p", null, "Address: ", h("code", null, API.href), " · ", h("a", { href: "openapi.json" }, "openapi.json"), " · ", h("a", { href: "#errors" }, "all errors"), " · ", h("a", { href: "#everything" }, "everything on one page")),
    contract.tags.map(({ name, description, operations }) =>
      h("section", null, h("h2", null, name), prose(description, contract.linkOf), operationList(operations, "")),
    ),
    contract.webhooks.length > 0 && h("section", null, h("h2", null, "Webhooks"), h("p", null, "Requests that are sent to you."), operationList(contract.webhooks, "webhook-")),
    components?.securitySchemes && h("section", { id: "authentication" }, h("h2", null, "Authentication"), Object.entries(components.securitySchemes).map(([name, reference]) =>
      h("section", null, h("h3", null, name), prose(contract.resolve(reference).description, contract.linkOf)),
    )),
  );
}

/** @param {Operation[]} operations @param {string} prefix */
function operationList(operations, prefix) {
  return h("ul", { class: "operations" }, operations.map(({ id, method, path, summary }) =>
    h("li", null, h("a", { href: `#${prefix}${id}` }, methodBadge(method), h("code", null, path), h("span", null, inline(summary)))),
  ));
}

/** @param {Operation} operation @param {Session} session */
function operationPage(operation, session) {
  return h("article", { class: "operation" },
    h("div", { class: "words" }, heading(operation), inputOf(operation), answersOf(operation), failuresOf(operation), callbacksOf(operation)),
    h("aside", { "aria-label": "Request and answer" }, requestPanel(operation, session), exampleAnswers(operation)),
  );
}

/** A webhook or a callback. @param {Operation} operation */
function messagePage(operation) {
  const { body, contract } = operation;
  return h("article", { class: "operation" },
    h("div", { class: "words" }, heading(operation, true), inputOf(operation, true), answersOf(operation)),
    h("aside", { "aria-label": "Example" }, body && exampleBlocks("body", contract.examples(body))),
  );
}

/** @param {Operation} operation @param {boolean} [isMessage] it is sent by the server */
function heading(operation, isMessage = false) {
  const { contract, id, summary, description, method, path, raw } = operation;
  return [
    h("h1", null, inline(summary)),
    h("p", { class: "address" }, methodBadge(method), h("code", null, path), h("code", { class: "id", title: "The operation's name" }, id)),
    isMessage || securityOf(operation),
    raw.deprecated && h("p", { class: "problem" }, "This operation is deprecated."),
    prose(withoutSummary(description, summary), contract.linkOf),
  ];
}

/** A description often begins with its summary, which is the heading already. @param {string} description @param {string} summary */
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
    body && h("section", null, h("h2", null, "Body ", h("small", null, body.type, bodyIsRequired && !isReceived ? ", required" : "")), schemaTree(contract, body.schema, isReceived)),
    headerList(headers),
  ];
}

/** @param {Contract} contract @param {string} name @param {any} parameter or a header @param {boolean} answered */
function parameterRow(contract, name, { required = false, description, schema, example }, answered) {
  const whole = contract.resolve(schema);
  const described = { ...whole, description: description ?? whole.description, examples: example === undefined ? whole.examples : [example] };
  return field(name, described, required || answered, { contract, answered, path: [] });
}

/** Most headers are the same everywhere: they wait until they are opened. @param {HTMLElement[]} rows */
function headerList(rows) {
  return rows.length > 0 && h("details", null, h("summary", null, `Headers (${rows.length})`), h("ul", { class: "fields" }, rows));
}

/** @param {Operation} operation */
function answersOf({ contract, answers }) {
  const successes = answers.filter(({ status }) => /^[123]/.test(status));
  return successes.map(({ status, description, headers, media }) =>
    h("section", null,
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
    h("tr", { "data-field": code }, h("td", null, status), h("td", null, code && h("code", null, code)), h("td", null, message, advice && h("span", { class: "advice" }, prose(advice, contract.linkOf)))),
  );
  return h("section", null, h("h2", null, "Errors"), h("div", { class: "scroll" }, h("table", null, h("thead", null, h("tr", null, ["Status", "Code", "What it says"].map((text) => h("th", { scope: "col" }, text)))), h("tbody", null, rows))));
}

/** @param {Operation} operation */
function callbacksOf({ callbacks }) {
  return callbacks.map(({ name, operation }) =>
    h("section", { class: "callback" }, h("h2", null, "Callback: ", name), h("p", { class: "address" }, methodBadge(operation.method), h("code", null, operation.path)), prose(operation.description || operation.summary), inputOf(operation, true)),
  );
}

/** @param {Operation} operation */
function exampleAnswers({ contract, answers }) {
  const [first] = answers.find(({ status, media }) => /^2/.test(status) && media.some(({ type }) => type.includes("json")))?.media ?? [];
  return first && exampleBlocks("answer", contract.examples(first));
}

/** @param {string} what @param {import("./contract.js").Example[]} examples */
function exampleBlocks(what, examples) {
  const blocks = examples.map(({ title, value }) => /** @type {[string, HTMLElement]} */ ([title, codeBlock(`example ${what}: ${title}`, jsonCode(JSON.stringify(value, null, 2)))]));
  return h("section", { class: "example" }, h("h2", null, `Example ${what}`), blocks.length > 1 ? tabs(`Example ${what}`, blocks) : blocks[0][1]);
}

/** @param {Contract} contract */
function errorsPage(contract) {
  /** @type {Map<string, {failure: import("./contract.js").Failure, operations: Operation[]}>} */
  const byCode = new Map();
  for (const operation of contract.operations) {
    for (const failure of operation.failures) {
      const key = `${failure.status} ${failure.code}`;
      const known = byCode.get(key) ?? { failure, operations: [] };
      byCode.set(key, { ...known, operations: [...known.operations, operation] });
    }
  }
  const rows = [...byCode].sort(([a], [b]) => a.localeCompare(b)).map(([, { failure, operations }]) =>
    h("tr", null, h("td", null, failure.status), h("td", null, failure.code && h("code", null, failure.code)), h("td", null, failure.message, failure.advice && h("span", { class: "advice" }, prose(failure.advice, contract.linkOf)), namesOf(contract, operations))),
  );
  return h("article", null, h("h1", null, "Errors"), h("div", { class: "scroll" }, h("table", null, h("thead", null, h("tr", null, ["Status", "Code", "What it says, and which operations answer it"].map((text) => h("th", { scope: "col" }, text)))), h("tbody", null, rows))));
}

/** @param {Contract} contract @param {Operation[]} operations */
function namesOf(contract, operations) {
  if (operations.length > contract.operations.length / 2) return h("p", { class: "note" }, `${operations.length} operations`);
  return h("p", { class: "note" }, operations.flatMap(({ id }, place) => [place ? ", " : "", h("a", { href: `#${id}` }, id)]));
}

/** @param {Contract} contract @param {Session} session */
function everythingPage(contract, session) {
  return h("div", { class: "everything" }, overviewPage(contract), contract.operations.map((operation) => operationPage(operation, session)), contract.webhooks.map(messagePage), errorsPage(contract));
}
