/** What the content shows: the first page, one operation, all errors, or everything at once. */

import { API } from "./contract.js";
import { h, table } from "../base/dom.js";
import { messagePage, operationPage } from "./operation_page.js";
import { inline, methodBadge, prose } from "./elements.js";

/** @typedef {import("./contract.js").Contract} Contract */
/** @typedef {import("./contract.js").Operation} Operation */
/** @typedef {import("./session.js").Session} Session */

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
  return h(
    "article",
    { class: "overview" },
    h("h1", null, info.title, " ", h("small", null, info.version)),
    info.summary && h("p", { class: "lead" }, info.summary),
    prose(info.description, contract.linkOf),
    h(
      "p",
      null,
      "Address: ",
      h("code", null, API.href),
      " · ",
      h("a", { href: "openapi.json" }, "openapi.json"),
      " · ",
      h("a", { href: "#errors" }, "all errors"),
      " · ",
      h("a", { href: "#everything" }, "everything on one page"),
    ),
    contract.tags.map(({ name, description, operations }) =>
      h("section", null, h("h2", null, name), prose(description, contract.linkOf), operationList(operations, "")),
    ),
    contract.webhooks.length > 0 &&
      h(
        "section",
        null,
        h("h2", null, "Webhooks"),
        h("p", null, "Requests that are sent to you."),
        operationList(contract.webhooks, "webhook-"),
      ),
    components?.securitySchemes &&
      h(
        "section",
        { id: "authentication" },
        h("h2", null, "Authentication"),
        Object.entries(components.securitySchemes).map(([name, reference]) =>
          h("section", null, h("h3", null, name), prose(contract.resolve(reference).description, contract.linkOf)),
        ),
      ),
  );
}

/** @param {Operation[]} operations @param {string} prefix */
function operationList(operations, prefix) {
  return h(
    "ul",
    { class: "operations" },
    operations.map(({ id, method, path, summary }) =>
      h(
        "li",
        null,
        h(
          "a",
          { href: `#${prefix}${id}` },
          methodBadge(method),
          h("code", null, path),
          h("span", null, inline(summary)),
        ),
      ),
    ),
  );
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
  const rows = [...byCode]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([, { failure, operations }]) =>
      h(
        "tr",
        null,
        h("td", null, failure.status),
        h("td", null, failure.code && h("code", null, failure.code)),
        h(
          "td",
          null,
          failure.message,
          failure.advice && h("span", { class: "advice" }, prose(failure.advice, contract.linkOf)),
          namesOf(contract, operations),
        ),
      ),
    );
  return h(
    "article",
    null,
    h("h1", null, "Errors"),
    table(["Status", "Code", "What it says, and which operations answer it"], rows),
  );
}

/** @param {Contract} contract @param {Operation[]} operations */
function namesOf(contract, operations) {
  if (operations.length > contract.operations.length / 2)
    return h("p", { class: "note" }, `${operations.length} operations`);
  return h(
    "p",
    { class: "note" },
    operations.flatMap(({ id }, place) => [place ? ", " : "", h("a", { href: `#${id}` }, id)]),
  );
}

/** @param {Contract} contract @param {Session} session */
function everythingPage(contract, session) {
  return h(
    "div",
    { class: "everything" },
    overviewPage(contract),
    contract.operations.map((operation) => operationPage(operation, session)),
    contract.webhooks.map(messagePage),
    errorsPage(contract),
  );
}
