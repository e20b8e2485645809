/** What the account is called, and what it may do. */

import { call } from "../app/api.js";
import { ago, time } from "../app/format.js";
import { buildForm } from "../app/forms.js";
import { toast } from "../app/notices.js";
import { session } from "../app/session.js";
import { t } from "../app/texts.js";
import { h } from "../shared/dom.js";

/** @typedef {import("../app/session.js").Profile} Profile */

/** @param {Profile} profile */
export function profileCard(profile) {
  const attributes = { autocomplete: "name", required: true, maxlength: 200 };
  const form = buildForm({
    fields: [{ name: "name", label: t("field.name"), hint: t("account.nameHint"), value: profile.name, attributes }],
    submit: t("action.save"),
    isQuiet: true,
    send: async ({ name }) => {
      const answer = await call("PATCH", "auth/profile", { body: { name: name.trim() } });
      session.changeProfile(answer.profile);
      toast(t("state.saved"));
    },
  });
  return h("section", { class: "card" }, h("h2", null, t("account.profile")), facts(profile), form);
}

/** @param {Profile} profile */
function facts(profile) {
  /** @type {[string, string][]} */
  const lines = [
    [t("field.email"), profile.email],
    [t("account.role"), t(profile.role === "ADMIN" ? "account.admin" : "account.user")],
    [t("account.export"), t(profile.canExportData ? "account.mayExport" : "account.mayNotExport")],
    [t("account.created"), time(profile.createdAt)],
    [t("account.lastAction"), profile.lastActionAt ? ago(profile.lastActionAt) : t("account.noAction")],
  ];
  return h(
    "dl",
    { class: "facts" },
    lines.flatMap(([name, value]) => [h("dt", null, name), h("dd", null, value)]),
  );
}
