/** A new API key: what it is called, what it opens, until when, and its own limits. */

import { call } from "../app/api.js";
import { FieldError, buildField, buildForm } from "../app/forms.js";
import { session } from "../app/session.js";
import { t, textOf } from "../app/texts.js";
import { h } from "../base/dom.js";
import { LIMITS, opens, showSecret } from "./card.js";

const DAY = 86_400_000;

/**
 * @param {(key: import("./card.js").ApiKey) => void} created
 * @param {() => void} cancelled
 */
export function createForm(created, cancelled) {
  const once = sentOnce();
  const expiry = expiryFields();
  const form = buildForm({
    fields: [
      { name: "name", label: t("keys.name"), hint: t("keys.nameHint"), attributes: { required: true, maxlength: 100 } },
      { name: "accessTypes", label: t("keys.opens"), type: "choices", options: choices() },
      ...expiry,
      limitFields(),
    ],
    submit: t("keys.create"),
    actions: [h("button", { type: "button", class: "plain", onclick: cancelled }, t("action.cancel"))],
    send: async (typed) => {
      const body = readBody(typed);
      const answer = await call("POST", "keys", { body, idempotencyKey: once(body) });
      await showSecret(answer.key, t("keys.created", { name: answer.apiKey.name }), t("keys.once"));
      created(answer.apiKey);
    },
  });
  return h("section", { class: "card" }, h("h2", null, t("keys.new")), form);
}

/** @returns {[string, string][]} */
function choices() {
  const kinds = Object.entries(opens()).filter(([kind]) => kind !== "admin" || session.isAdmin);
  return kinds.map(([kind, [name, text]]) => [kind, `${name}: ${text}`]);
}

/** Until when the key works: some days, or a day that is chosen. */
function expiryFields() {
  const options = /** @type {[string, string][]} */ ([
    ["", t("keys.never")],
    ["30", t("keys.days", { count: 30 })],
    ["90", t("keys.days", { count: 90 })],
    ["365", t("keys.days", { count: 365 })],
    ["day", t("keys.onDay")],
  ]);
  const until = buildField({ name: "until", label: t("keys.until"), type: "select", value: "90", options });
  const tomorrow = new Date(Date.now() + DAY).toISOString().slice(0, 10);
  const day = buildField({ name: "expiresAt", label: t("keys.day"), type: "date", attributes: { min: tomorrow } });
  day.hidden = true;
  until.addEventListener("change", (event) => {
    day.hidden = /** @type {HTMLSelectElement} */ (event.target).value !== "day";
  });
  return [until, day];
}

function limitFields() {
  const fields = LIMITS.map(([name, isMoney]) => {
    const attributes = isMoney ? { min: 0, step: "any" } : { min: 1, step: 1 };
    return buildField({ name: `limits.${name}`, label: textOf("limit", name) ?? name, type: "number", attributes });
  });
  return h(
    "details",
    { class: "field limits" },
    h("summary", null, t("keys.limits")),
    h("p", { class: "hint" }, t("keys.limitsHint")),
    h("div", { class: "cards" }, fields),
  );
}

/** The request's body. @param {import("../app/forms.js").Typed} typed */
function readBody(typed) {
  if (typed.accessTypes.length === 0) throw new FieldError("accessTypes", t("keys.opensNone"));
  const expiresAt = readExpiry(typed.until, typed.expiresAt);
  const limits = Object.fromEntries(
    LIMITS.map(([name]) => [name, typed[`limits.${name}`]])
      .filter(([, text]) => text !== "")
      .map(([name, text]) => [name, Number(text)]),
  );
  return {
    name: typed.name.trim(),
    accessTypes: typed.accessTypes,
    ...(expiresAt && { expiresAt }),
    ...(Object.keys(limits).length > 0 && { limits }),
  };
}

/** The end of a day in UTC; undefined where the key does not end. @param {string} until @param {string} day */
function readExpiry(until, day) {
  if (until === "") return undefined;
  if (until === "day" && day === "") throw new FieldError("expiresAt", t("error.required"));
  const last = until === "day" ? day : new Date(Date.now() + Number(until) * DAY).toISOString().slice(0, 10);
  return `${last}T23:59:59Z`;
}

/** The Idempotency-Key of a request: the same as before while nothing was changed. */
function sentOnce() {
  let sent = "";
  let key = "";
  return (/** @type {unknown} */ body) => {
    const text = JSON.stringify(body);
    if (text !== sent) key = crypto.randomUUID();
    sent = text;
    return key;
  };
}
