/** All users, for administrators: who they are, and what they may do. */

import { h } from "../base/dom.js";
import { filtered } from "../app/filters.js";
import { ago } from "../app/format.js";
import { listRow, pagedList, rowsFrame } from "../app/lists.js";
import { session } from "../app/session.js";
import { empty } from "../app/states.js";
import { t } from "../app/texts.js";
import { openRights } from "../users/rights.js";

/** @typedef {import("../users/rights.js").User} User */

/** @param {import("../app/views.js").Place} place */
export function show({ query, signal }) {
  const fields = [
    {
      name: "role",
      label: t("users.role"),
      type: "select",
      value: query.get("role") ?? "USER",
      options: /** @type {[string, string][]} */ ([
        ["USER", t("users.allUsers")],
        ["ADMIN", t("users.allAdmins")],
      ]),
    },
    { name: "email", label: t("field.email"), type: "email", value: query.get("email") ?? "", hint: t("users.hint") },
  ];
  const list = filtered({
    address: "users",
    fields,
    build: ({ role, email }, left) =>
      pagedList({
        path: "admin/users",
        query: email ? { email } : { role },
        row: userRow,
        frame: rowsFrame(t("nav.users")),
        none: () => empty("users", t("users.none"), email ? t("users.noneText") : t("filter.noneText")),
        signal: left,
      }),
    signal,
  });
  return h("div", null, h("div", { class: "head" }, h("h1", null, t("nav.users"))), list.node);
}

/** @param {User} first @returns {HTMLElement} */
function userRow(first) {
  const build = (/** @type {User} */ user) => {
    const change = h("button", { type: "button", onclick: () => openRights(user, replace) }, t("users.change"));
    change.setAttribute("aria-label", t("users.changeOf", { email: user.email }));
    const usage = h("a", { href: `#/usage/everyone?${new URLSearchParams({ userId: user.userId })}` }, t("nav.usage"));
    const audit = h("a", { href: `#/audit?${new URLSearchParams({ userId: user.userId })}` }, t("nav.audit"));
    const since = t("users.since", { when: ago(user.createdAt) });
    const last = user.lastActionAt ? t("users.last", { when: ago(user.lastActionAt) }) : t("users.noAction");
    return listRow(
      h("span", null, user.email, user.name && h("span", { class: "soft" }, ` · ${user.name}`)),
      [`${since} · ${last}`, h("span", { class: "links" }, usage, audit, h("code", null, user.userId))],
      [...badges(user), change],
    );
  };
  /** @param {User} changed */
  const replace = (changed) => {
    const next = build(changed);
    row.replaceWith(next);
    row = next;
    /** @type {HTMLElement | null} */ (next.querySelector("button"))?.focus();
  };
  let row = build(first);
  return row;
}

/** @param {User} user */
function badges({ userId, role, isActive, canExportData, limits }) {
  return [
    userId === session.profile?.userId && h("span", { class: "badge" }, t("users.you")),
    role === "ADMIN" && h("span", { class: "badge going" }, t("users.admin")),
    canExportData && h("span", { class: "badge" }, t("users.mayExport")),
    Object.keys(limits).length > 0 && h("span", { class: "badge" }, t("users.ownLimits")),
    !isActive && h("span", { class: "badge bad" }, t("users.inactive")),
  ];
}
