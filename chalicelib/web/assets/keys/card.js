/** One API key: what it opens, its times and limits; its secret, a new one, and its end. */

import { call, path } from "../app/api.js";
import { ago, dollars, number, time } from "../app/format.js";
import { buildForm } from "../app/forms.js";
import { confirm, copyButton, openDialog, toast } from "../app/notices.js";
import { failure } from "../app/states.js";
import { t } from "../app/texts.js";
import { h } from "../base/dom.js";

/**
 * @typedef {{keyId: string, name: string, accessTypes: string[], limits: Record<string, number>, createdAt: string,
 *   expiresAt: string | null, lastUsedAt: string | null}} ApiKey
 */

/** A key's own limits, and whether they are dollars. @type {[string, boolean][]} */
export const LIMITS = [
  ["requestsPerMinute", false],
  ["requestsPerHour", false],
  ["dollarsPerHour", true],
  ["dollarsPerDay", true],
  ["dollarsPerMonth", true],
];

const SOON = 7 * 86_400_000;

/** What each access type opens: its name, and in words. @returns {Record<string, [string, string]>} */
export function opens() {
  return {
    file_upload: [t("keys.upload"), t("keys.uploadText")],
    actions: [t("keys.actions"), t("keys.actionsText")],
    exports: [t("keys.exports"), t("keys.exportsText")],
    reports: [t("keys.reports"), t("keys.reportsText")],
    full_access: [t("keys.full"), t("keys.fullText")],
    admin: [t("keys.admin"), t("keys.adminText")],
  };
}

/** @param {ApiKey} key @param {(key: ApiKey) => void} revoked */
export function keyCard(key, revoked) {
  const problem = h("div", null);
  const end = () => revoke(key, revoked, problem);
  const kinds = Object.entries(opens()).filter(([kind]) => key.accessTypes.includes(kind));
  return h(
    "article",
    { class: "card key", "aria-labelledby": key.keyId },
    h("header", null, h("h2", { id: key.keyId }, key.name), endBadge(key)),
    h("p", { class: "opens" }, kinds.map(([, [name]]) => h("span", { class: "badge" }, name))),
    facts(key),
    problem,
    h(
      "p",
      { class: "actions" },
      h("button", { type: "button", onclick: () => rotate(key) }, t("keys.rotate")),
      h("button", { type: "button", class: "dangerous", onclick: end }, t("keys.revoke")),
    ),
  );
}

/** @param {ApiKey} key */
function endBadge(key) {
  const left = key.expiresAt === null ? Infinity : new Date(key.expiresAt).getTime() - Date.now();
  if (left <= 0) return h("span", { class: "badge bad" }, t("keys.expired"));
  return left < SOON && h("span", { class: "badge going" }, t("keys.endsSoon"));
}

/** @param {ApiKey} key */
function facts(key) {
  const limits = LIMITS.filter(([name]) => name in key.limits).map(([name, isMoney]) =>
    limitText(name, isMoney ? dollars(key.limits[name]) : number(key.limits[name])),
  );
  /** @type {[string, string][]} */
  const lines = [
    [t("keys.lastUsed"), key.lastUsedAt ? ago(key.lastUsedAt) : t("keys.unused")],
    [t("keys.expires"), key.expiresAt ? time(key.expiresAt) : t("keys.never")],
    [t("account.created"), time(key.createdAt)],
    [t("keys.limits"), limits.join(", ") || t("keys.noLimits")],
  ];
  return h(
    "dl",
    { class: "facts" },
    lines.flatMap(([name, value]) => [h("dt", null, name), h("dd", null, value)]),
  );
}

/** @param {string} name @param {string} value */
function limitText(name, value) {
  if (name === "requestsPerMinute") return t("keys.aMinute", { value });
  if (name === "requestsPerHour") return t("keys.anHour", { value });
  if (name === "dollarsPerHour") return t("keys.dollarsAnHour", { value });
  return name === "dollarsPerDay" ? t("keys.dollarsADay", { value }) : t("keys.dollarsAMonth", { value });
}

/** @param {ApiKey} key */
function rotate(key) {
  // One request, however often it is sent: a second one gives another secret of the same key.
  const idempotencyKey = crypto.randomUUID();
  const options = /** @type {[string, string][]} */ ([
    ["0", t("keys.graceNone")],
    ["3600", t("keys.graceHour")],
    ["86400", t("keys.graceDay")],
    ["604800", t("keys.graceWeek")],
    ["2592000", t("keys.graceMonth")],
  ]);
  const form = buildForm({
    fields: [
      h("p", null, t("keys.rotateText")),
      { name: "graceSeconds", label: t("keys.grace"), type: "select", value: "86400", options },
    ],
    submit: t("keys.rotate"),
    actions: [h("button", { type: "button", onclick: () => dialog.close() }, t("action.cancel"))],
    send: async ({ graceSeconds }) => {
      const body = { graceSeconds: Number(graceSeconds) };
      const options = { body, idempotencyKey: `${idempotencyKey}-${graceSeconds}` };
      const answer = await call("POST", path`keys/${key.keyId}/rotate`, options);
      dialog.close();
      const old = body.graceSeconds ? t("keys.oldWorks", { when: time(answer.graceEnd) }) : t("keys.oldEnded");
      await showSecret(answer.key, t("keys.rotated", { name: key.name }), `${t("keys.once")} ${old}`);
    },
  });
  const dialog = openDialog(t("keys.rotateTitle", { name: key.name }), [form]);
}

/** @param {ApiKey} key @param {(key: ApiKey) => void} revoked @param {HTMLElement} problem */
async function revoke(key, revoked, problem) {
  const isSure = await confirm({
    title: t("keys.revokeTitle", { name: key.name }),
    text: t("keys.revokeText"),
    confirm: t("keys.revoke"),
    isDangerous: true,
  });
  if (!isSure) return;
  try {
    await call("DELETE", path`keys/${key.keyId}`);
    revoked(key);
    toast(t("keys.revoked", { name: key.name }));
  } catch (error) {
    problem.replaceChildren(failure(error, () => revoke(key, revoked, problem)));
  }
}

/**
 * Shows a secret, which nothing shows again, until its owner has stored it.
 * @param {string} secret @param {string} title @param {string} text
 */
export async function showSecret(secret, title, text) {
  const stored = h("button", { type: "button", class: "primary" }, t("keys.stored"));
  const dialog = openDialog(
    title,
    [
      h("p", null, text),
      h("p", null, h("code", { class: "secret", tabindex: 0 }, secret)),
      h("p", { class: "actions" }, copyButton(secret), stored),
    ],
    { isFixed: true },
  );
  stored.addEventListener("click", dialog.close);
  await dialog.closed;
}
