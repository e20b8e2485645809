/** The request of an operation: as code to copy, and as a form that sends it to this server. */

import { API } from "./contract.js";
import { announce, byId, h, tabs } from "../base/dom.js";
import { typeOf } from "./schema.js";
import { TOKEN_VARIABLE, curl, python } from "./snippets.js";
import { codeBlock, jsonCode } from "./elements.js";

/** @typedef {import("./contract.js").Operation} Operation */
/** @typedef {import("./contract.js").Parameter} Parameter */
/** @typedef {import("./session.js").Session} Session */

// API Gateway gives up after 29 seconds.
const TIMEOUT_MS = 35_000;
const MOST_SHOWN = 200_000;
const SHOWN_HEADERS =
  /^(ratelimit-|retry-after|location|idempotency-|x-correlation-id|content-type|x-amzn-requestid|etag|vary)/i;

/** The panel of one operation. @param {Operation} operation @param {Session} session */
export function requestPanel(operation, session) {
  return new Panel(operation, session).element;
}

class Panel {
  /** @param {Operation} operation @param {Session} session */
  constructor(operation, session) {
    this.operation = operation;
    this.session = session;
    this.needsToken = operation.security.length > 0;
    /** @type {Map<Parameter, HTMLInputElement | HTMLSelectElement>} */
    this.inputs = new Map(operation.parameters.filter(isEntered).map((each) => [each, this.input(each)]));
    this.examples = operation.body ? operation.contract.examples(operation.body) : [];
    this.body =
      operation.body &&
      h("textarea", { spellcheck: "false", "aria-label": "Body, as JSON", oninput: () => this.show() });
    this.problem = h("p", { role: "alert", class: "problem" });
    this.response = h("div", { class: "response", role: "status" });
    this.send = h("button", { class: "primary" }, "Send");
    this.curl = h("code");
    this.python = h("code");
    this.useExample(0);
    this.element = h(
      "div",
      { class: "request" },
      tabs("Request", [
        ["curl", h("div", null, codeBlock("curl command", this.curl), this.tokenHint())],
        ["Python", h("div", null, codeBlock("Python script", this.python), this.tokenHint())],
        ["Try it", this.form()],
      ]),
    );
  }

  tokenHint() {
    return (
      this.needsToken &&
      h("p", { class: "hint" }, h("code", null, TOKEN_VARIABLE), " holds your access token or API key.")
    );
  }

  /** @param {Parameter} parameter */
  input({ name, schema, required, example }) {
    const resolved = this.operation.contract.resolve(schema);
    const values = resolved.enum ?? (resolved.type === "boolean" ? [true, false] : null);
    const attributes = { name, "aria-required": String(Boolean(required)), oninput: () => this.show() };
    if (values)
      return h(
        "select",
        attributes,
        h("option", { value: "" }, "not sent"),
        values.map((/** @type {any} */ value) => h("option", null, value)),
      );
    const given = example ?? resolved.example ?? resolved.examples?.[0];
    return h("input", {
      ...attributes,
      value: required ? given : null,
      placeholder: given === undefined || required ? typeOf(this.operation.contract, resolved) : `such as ${given}`,
      autocomplete: "off",
      spellcheck: "false",
    });
  }

  form() {
    /** @param {boolean} isHeader */
    const fields = (isHeader) =>
      [...this.inputs]
        .filter(([parameter]) => (parameter.in === "header") === isHeader)
        .map(([{ name, required, in: where }, input]) =>
          h("label", null, h("span", null, h("code", null, name), ` ${where}${required ? ", required" : ""}`), input),
        );
    const headers = fields(true);
    const choice =
      this.examples.length > 1 &&
      h(
        "label",
        null,
        h("span", null, "Example"),
        h(
          "select",
          { oninput: (/** @type {any} */ event) => this.useExample(event.target.selectedIndex) },
          this.examples.map(({ title }) => h("option", null, title)),
        ),
      );
    const hint =
      this.needsToken &&
      h(
        "p",
        { class: "hint" },
        h("span", { class: "if-signed-in" }, "It is sent with your token."),
        h(
          "span",
          { class: "if-signed-out" },
          "It needs a token: ",
          h("button", { type: "button", class: "plain", onclick: () => this.session.open() }, "sign in or paste one"),
          ".",
        ),
      );
    return h(
      "form",
      {
        novalidate: true,
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          void this.submit();
        },
      },
      hint,
      fields(false),
      choice,
      this.body && h("label", null, h("span", null, "Body"), this.body),
      headers.length > 0 && h("details", null, h("summary", null, `Headers (${headers.length})`), headers),
      this.problem,
      this.send,
      this.response,
    );
  }

  /** @param {number} place */
  useExample(place) {
    if (this.body && this.examples.length) {
      this.body.value = JSON.stringify(this.examples[place].value, null, 2);
      this.body.rows = Math.min(16, this.body.value.split("\n").length + 1);
    }
    this.show();
  }

  /** What is entered, as a request. The name of a path parameter stands for one that is empty. */
  request() {
    /** @type {[string, string][]} */
    const headers = [];
    const query = new URLSearchParams();
    let path = this.operation.path;
    for (const [{ name, in: where }, { value }] of this.inputs) {
      if (where === "path") path = path.replace(`{${name}}`, value ? encodeURIComponent(value) : inCapitals(name));
      else if (value && where === "query") query.append(name, value);
      else if (value && where === "header") headers.push([name, value]);
    }
    const body = this.body?.value.trim() || undefined;
    if (body !== undefined) headers.push(["Content-Type", this.operation.body.type]);
    const address = new URL(path.slice(1), API);
    address.search = query.toString();
    return { method: this.operation.method, url: address.href, headers, body, needsToken: this.needsToken, path };
  }

  /** Shows the request as code. */
  show() {
    const request = this.request();
    this.curl.replaceChildren(curl(request));
    this.python.replaceChildren(python(request));
  }

  /** What must be mended before the request can be sent. */
  fault() {
    for (const [{ name, required, in: where }, input] of this.inputs) {
      const isMissing = required && !input.value;
      // A browser would take these for steps in a path, and ask for another one.
      const isStep = where === "path" && /^\.{1,2}$/.test(input.value);
      input.setAttribute("aria-invalid", String(isMissing || isStep));
      if (isMissing || isStep) {
        input.focus();
        return isMissing ? `${name} is required.` : `${name} cannot be "${input.value}".`;
      }
    }
    try {
      if (this.body?.value.trim()) JSON.parse(this.body.value);
    } catch (error) {
      return `The body is not JSON: ${/** @type {Error} */ (error).message}`;
    }
    return "";
  }

  async submit() {
    this.problem.textContent = this.fault();
    if (this.problem.textContent) return;
    const request = this.request();
    if (request.method === "DELETE" && !(await confirmed(`${request.method} ${request.path}`, this.operation.summary)))
      return;
    this.send.disabled = true;
    this.response.replaceChildren("Waiting for the answer …");
    const begun = performance.now();
    try {
      const response = await fetch(request.url, {
        method: request.method,
        headers: [...request.headers, ...this.authorization()],
        body: request.body,
        credentials: "omit",
        redirect: "manual",
        cache: "no-store",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const text = await response.text();
      this.showResponse(response, text, performance.now() - begun);
    } catch (error) {
      this.response.replaceChildren(
        h("p", { class: "problem" }, `There was no answer: ${/** @type {Error} */ (error).message}`),
      );
    }
    this.send.disabled = false;
  }

  /** @returns {[string, string][]} */
  authorization() {
    return this.needsToken && this.session.token ? [["Authorization", `Bearer ${this.session.token}`]] : [];
  }

  /** @param {Response} response @param {string} text @param {number} milliseconds */
  showResponse(response, text, milliseconds) {
    if (response.type === "opaqueredirect") {
      this.response.replaceChildren(
        h(
          "p",
          null,
          "The answer is a redirect to another address. A page may not read where it leads: use curl with ",
          h("code", null, "-L"),
          ".",
        ),
      );
      return;
    }
    const headers = [...response.headers].filter(([name]) => SHOWN_HEADERS.test(name));
    const status = `${response.status} ${response.statusText}`.trim();
    announce(`Answer: ${status}`);
    this.response.replaceChildren(
      h(
        "p",
        { class: "outcome" },
        h("strong", { class: response.ok ? "good" : "bad" }, status),
        ` ${Math.round(milliseconds)} ms, ${text.length.toLocaleString("en")} characters`,
      ),
      response.status === 401
        ? h("p", { class: "hint" }, "The server wants a valid token: it may have run out. Sign in again.")
        : "",
      h(
        "details",
        null,
        h("summary", null, "Headers"),
        h(
          "dl",
          null,
          headers.flatMap(([name, value]) => [h("dt", null, name), h("dd", null, value)]),
        ),
      ),
      text ? codeBlock("response", jsonCode(pretty(text).slice(0, MOST_SHOWN))) : h("p", null, "It has no body."),
    );
  }
}

/** Headers that a description may name, and that are not a reader's to set. @param {Parameter} parameter */
function isEntered({ name, in: where }) {
  return where !== "cookie" && !(where === "header" && /^(authorization|content-type|accept)$/i.test(name));
}

/** `imageId` as `IMAGE_ID`. @param {string} name */
function inCapitals(name) {
  return name.replace(/[A-Z]/g, "_$&").toUpperCase();
}

/** @param {string} text */
function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** Asks before something is deleted. @param {string} what @param {string} meaning @returns {Promise<boolean>} */
function confirmed(what, meaning) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("confirm"));
  byId("confirm-text").replaceChildren(h("code", null, what), h("br"), `${meaning}. This cannot be undone.`);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "send"), { once: true });
  });
}
