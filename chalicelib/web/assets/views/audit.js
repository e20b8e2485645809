/** The audit trail of a day, for administrators: who did what to what, and with what outcome. */

import { h } from "../base/dom.js";
import { figureText, spell } from "../actions/figures.js";
import { verification } from "../audit/verification.js";
import { filtered } from "../app/filters.js";
import { time } from "../app/format.js";
import { listRow, pagedList, rowsFrame } from "../app/lists.js";
import { today } from "../app/period.js";
import { session } from "../app/session.js";
import { empty } from "../app/states.js";
import { t, textOf } from "../app/texts.js";

/** @param {import("../app/views.js").Place} place */
export function show({ query, signal }) {
  const fields = [
    {
      name: "day",
      label: t("audit.day"),
      type: "date",
      value: query.get("day") ?? today(),
      attributes: { max: today(), required: true },
    },
    { name: "userId", label: t("audit.user"), value: query.get("userId") ?? "", hint: t("usage.userHint") },
  ];
  const list = filtered({
    address: "audit",
    fields,
    build: ({ day, userId }, left) => h("div", null, verification(day, left), entries(day, userId.trim(), left)),
    signal,
  });
  const head = h("div", { class: "head" }, h("h1", null, t("nav.audit")));
  return h("div", null, head, list.node);
}

/** @param {string} day @param {string} userId @param {AbortSignal} signal */
function entries(day, userId, signal) {
  return pagedList({
    path: "admin/audit",
    query: { day, userId, limit: 50 },
    row: entryRow,
    frame: rowsFrame(t("audit.list")),
    none: () => empty("audit", t("audit.none"), t("audit.noneText")),
    signal,
  });
}

/** @param {any} entry */
function entryRow(entry) {
  const { sequence, operation, userId, keyId, timestamp, source, outcome, requestId } = entry;
  return listRow(
    h("span", null, textOf("operation", operation) ?? spell(operation), targets(entry.target)),
    [
      h("span", null, `${time(timestamp)} · `, who(userId), keyId && t("audit.withKey", { key: keyId })),
      t("audit.from", { number: sequence, source, requestId }),
    ],
    [badge(outcome)],
  );
}

/** @param {string | null} userId */
function who(userId) {
  if (!userId) return t("audit.nobody");
  if (userId === session.profile?.userId) return t("users.you");
  return h("a", { href: `#/audit?${new URLSearchParams({ userId })}` }, h("code", null, userId));
}

/** @param {Record<string, string | boolean>} target */
function targets(target) {
  return Object.entries(target).map(([name, value]) => {
    const said = figureText(name, value);
    return h("span", { class: "target" }, ` ${textOf("target", name) ?? name} `, h("code", null, said));
  });
}

/** @param {string} outcome `ok`, `begun`, or the code of an error */
function badge(outcome) {
  if (outcome === "ok") return h("span", { class: "badge good" }, t("audit.ok"));
  return h("span", { class: "badge bad" }, textOf("outcome", outcome) ?? spell(outcome));
}
