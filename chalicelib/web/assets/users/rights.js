/** The dialog that changes a user's rights. It says what changes before anything does. */

import { h } from "../base/dom.js";
import { call, path } from "../app/api.js";
import { buildField, buildForm, readForm } from "../app/forms.js";
import { confirm, openDialog, toast } from "../app/notices.js";
import { session } from "../app/session.js";
import { explain } from "../app/states.js";
import { t, textOf } from "../app/texts.js";

/** @typedef {{userId: string, email: string, name: string, role: string, isActive: boolean, canExportData: boolean,
 *    limits: Record<string, number>, createdAt: string, lastActionAt: string | null}} User */

const LIMITS = [
  "requestsPerMinute",
  "requestsPerHour",
  "dollarsPerHour",
  "dollarsPerDay",
  "dollarsPerMonth",
  "storedBytes",
];

/** @param {User} user @param {(changed: User) => void} changed */
export function openRights(user, changed) {
  const isOwn = user.userId === session.profile?.userId;
  const summary = h("div", { class: "note", "aria-live": "polite" });
  const form = buildForm({
    fields: [...rightsFields(user, isOwn), limitFields(user.limits), summary],
    submit: t("action.save"),
    send: async (typed) => {
      const body = changesOf(user, typed);
      if (Object.keys(body).length > 0) {
        const answer = await call("PATCH", path`admin/users/${user.userId}`, { body });
        changed(answer.user);
        toast(t("state.saved"));
      }
      dialog.close();
    },
  });
  const say = () => summary.replaceChildren(...changesInWords(user, changesOf(user, readForm(form))));
  form.addEventListener("input", say);
  say();
  const dialog = openDialog(t("users.rightsOf", { email: user.email }), [
    isOwn ? h("p", { class: "soft" }, t("users.own")) : "",
    form,
    isOwn ? "" : secondFactor(user),
  ]);
}

/** @param {User} user @param {boolean} isOwn whoever took their own role could not give it back */
function rightsFields(user, isOwn) {
  const roles = /** @type {[string, string][]} */ ([
    ["USER", t("role.USER")],
    ["ADMIN", t("role.ADMIN")],
  ]);
  const attributes = { disabled: isOwn };
  return [
    { name: "role", label: t("users.role"), type: "select", value: user.role, options: roles, attributes },
    { name: "isActive", label: t("users.isActive"), type: "checkbox", value: user.isActive, attributes },
    { name: "canExportData", label: t("users.canExport"), type: "checkbox", value: user.canExportData },
  ];
}

/** @param {Record<string, number>} limits */
function limitFields(limits) {
  const rows = LIMITS.map((name) => limitField(name, limits[name]));
  const isOpen = Object.keys(limits).length > 0;
  return h(
    "details",
    { class: "field limits", open: isOpen },
    h("summary", null, t("users.limits")),
    h("p", { class: "hint" }, t("users.limitsHint")),
    h("div", { class: "limit-fields" }, rows),
  );
}

/** @param {string} name @param {number | undefined} value */
function limitField(name, value) {
  const attributes = { min: name.startsWith("requests") ? 1 : 0, step: name.startsWith("dollars") ? "any" : 1 };
  return buildField({
    name: `limits.${name}`,
    label: textOf("limit", name) ?? name,
    type: "number",
    value,
    attributes,
  });
}

/** What is different from what the user has. @param {User} user @param {Record<string, any>} typed */
function changesOf(user, typed) {
  /** @type {Record<string, any>} */
  const changes = {};
  for (const name of /** @type {const} */ (["role", "isActive", "canExportData"])) {
    if (typed[name] !== user[name]) changes[name] = typed[name];
  }
  const named = LIMITS.filter((name) => typed[`limits.${name}`] !== "");
  const limits = Object.fromEntries(named.map((name) => [name, Number(typed[`limits.${name}`])]));
  if (LIMITS.some((name) => limits[name] !== user.limits[name])) changes.limits = limits;
  return changes;
}

/** @param {User} user @param {Record<string, any>} changes @returns {Node[]} */
function changesInWords(user, changes) {
  const lines = [];
  if (changes.role) lines.push(t(changes.role === "ADMIN" ? "change.admin" : "change.user"));
  if ("isActive" in changes) lines.push(t(changes.isActive ? "change.active" : "change.inactive"));
  if ("canExportData" in changes) lines.push(t(changes.canExportData ? "change.export" : "change.noExport"));
  for (const name of changes.limits ? LIMITS : []) {
    const [before, after] = [user.limits[name], changes.limits[name]];
    if (before === after) continue;
    const limit = textOf("limit", name) ?? name;
    lines.push(after === undefined ? t("change.noLimit", { limit }) : t("change.limit", { limit, value: after }));
  }
  if (lines.length === 0) return [h("p", null, t("change.nothing"))];
  return [
    h("p", null, t("change.title")),
    h(
      "ul",
      null,
      lines.map((each) => h("li", null, each)),
    ),
  ];
}

/** @param {User} user */
function secondFactor({ userId, email }) {
  const reset = async () => {
    const question = { title: t("users.reset"), text: t("users.resetText", { email }), confirm: t("users.reset") };
    if (!(await confirm({ ...question, isDangerous: true }))) return;
    try {
      await call("DELETE", path`admin/users/${userId}/mfa`);
      toast(t("users.resetDone"));
    } catch (error) {
      toast(explain(error), { isBad: true });
    }
  };
  return h(
    "p",
    { class: "actions" },
    h("button", { type: "button", class: "plain", onclick: reset }, t("users.reset")),
  );
}
