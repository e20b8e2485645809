/** The cards of an account: what it is called and may do, the end of its sessions, its own end. */

import { call } from "../app/api.js";
import { ago, time } from "../app/format.js";
import { FieldError, buildForm } from "../app/forms.js";
import { confirm, openDialog, toast } from "../app/notices.js";
import { session } from "../app/session.js";
import { failure } from "../app/states.js";
import { t } from "../app/texts.js";
import { h } from "../base/dom.js";
import { visitor } from "./visitor.js";

/** @typedef {import("../app/session.js").Profile} Profile */

/**
 * Draws a card anew; the focus goes to its heading.
 * @param {() => HTMLElement} card @param {(profile: Profile) => HTMLElement} draw
 */
export function replaceSelf(card, draw) {
  return (/** @type {Profile} */ profile) => {
    const next = draw(profile);
    const heading = next.querySelector("h2");
    heading?.setAttribute("tabindex", "-1");
    card().replaceWith(next);
    heading?.focus({ preventScroll: true });
  };
}

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

export function sessionsCard() {
  const place = h("div", null);
  const end = async () => {
    const question = { title: t("sessions.title"), text: t("sessions.text"), confirm: t("sessions.end") };
    if (!(await confirm(question))) return;
    button.setAttribute("aria-busy", "true");
    try {
      await call("POST", "auth/signout");
      session.leave();
    } catch (error) {
      place.replaceChildren(failure(error, end));
      button.removeAttribute("aria-busy");
    }
  };
  const button = h("button", { type: "button", onclick: end }, t("sessions.end"));
  return h(
    "section",
    { class: "card" },
    h("h2", null, t("sessions.title")),
    h("p", { class: "soft" }, t("sessions.lead")),
    place,
    h("p", { class: "actions" }, button),
  );
}

/** @param {Profile} profile */
export function erasureCard(profile) {
  const lost = [t("erasure.images"), t("erasure.actions"), t("erasure.keys"), t("erasure.usage")];
  const ask = () => {
    const dialog = openDialog(t("erasure.title"), [
      h("p", null, t("erasure.lost")),
      h("ul", null, lost.map((text) => h("li", null, text))),
      h("p", null, h("strong", null, t("erasure.final"))),
      erasureForm(profile.email, () => dialog.close()),
    ]);
  };
  const button = h("button", { type: "button", class: "dangerous", onclick: ask }, t("erasure.begin"));
  return h(
    "section",
    { class: "card" },
    h("h2", null, t("erasure.title")),
    h("p", { class: "soft" }, t("erasure.lead")),
    h("p", { class: "actions" }, button),
  );
}

/** @param {string} email to be typed, so that nobody erases an account by a slip @param {() => void} close */
function erasureForm(email, close) {
  const attributes = { autocomplete: "off", required: true, spellcheck: "false" };
  return buildForm({
    fields: [{ name: "typed", label: t("erasure.type", { email }), attributes }],
    submit: t("erasure.do"),
    isDangerous: true,
    actions: [h("button", { type: "button", onclick: close }, t("action.cancel"))],
    send: async ({ typed }) => {
      if (typed.trim().toLowerCase() !== email.toLowerCase()) throw new FieldError("typed", t("erasure.other"));
      await call("DELETE", "auth/profile");
      visitor.keep({ news: "erased" });
      session.leave();
    },
  });
}
