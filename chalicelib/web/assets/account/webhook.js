/** Who is told of finished images: the address, the secret that its requests are signed with, and what went wrong. */

import { call } from "../app/api.js";
import { ago, time } from "../app/format.js";
import { FieldError, buildForm } from "../app/forms.js";
import { confirm, copyButton, toast } from "../app/notices.js";
import { session } from "../app/session.js";
import { failure } from "../app/states.js";
import { t } from "../app/texts.js";
import { h } from "../base/dom.js";
import { replaceSelf } from "./cards.js";

/** @typedef {import("../app/session.js").Profile} Profile */

const FIELD = "preferences.webhook.url";

/** @param {Profile} profile @returns {HTMLElement} */
export function webhookCard(profile) {
  const webhook = profile.preferences.webhook;
  const replace = replaceSelf(() => card, webhookCard);
  const off = h("button", { type: "button", onclick: () => turnOff(card, replace) }, t("webhook.off"));
  const attributes = { type: "url", placeholder: "https://", required: true, maxlength: 2000, spellcheck: "false" };
  const form = buildForm({
    fields: [{ name: FIELD, label: t("webhook.url"), type: "url", value: webhook?.url ?? "", attributes }],
    submit: t("action.save"),
    isQuiet: true,
    actions: [webhook && off],
    send: async (typed) => {
      const url = typed[FIELD].trim();
      if (!/^https?:\/\/\S+$/.test(url)) throw new FieldError(FIELD, t("webhook.form"));
      replace(await change({ url }));
      toast(t("state.saved"));
    },
  });
  const docs = h("a", { href: "docs#webhook-image_finished" }, t("webhook.docs"));
  const card = h(
    "section",
    { class: "card" },
    h("h2", null, t("webhook.title")),
    h("p", { class: "soft" }, t("webhook.lead"), " ", docs),
    webhook && lastError(profile),
    form,
    webhook && secret(profile.webhookSecret),
  );
  return card;
}

/** @param {{url: string} | null} webhook @returns {Promise<Profile>} */
async function change(webhook) {
  const { profile } = await call("PATCH", "auth/profile", { body: { preferences: { webhook } } });
  session.changeProfile(profile);
  return profile;
}

/** @param {HTMLElement} card @param {(profile: Profile) => void} replace */
async function turnOff(card, replace) {
  const isSure = await confirm({
    title: t("webhook.offTitle"),
    text: t("webhook.offText"),
    confirm: t("webhook.off"),
    isDangerous: true,
  });
  if (!isSure) return;
  try {
    replace(await change(null));
  } catch (error) {
    card.append(failure(error));
  }
}

/** @param {Profile} profile */
function lastError(profile) {
  const error = profile.webhook?.lastError;
  if (!error) return h("p", { class: "note good" }, t("webhook.fine"));
  return h(
    "div",
    { class: "note bad" },
    h("p", null, h("strong", null, t("webhook.failed", { when: ago(error.at) })), " ", error.message),
    h("p", { class: "small" }, t("webhook.failedText", { when: time(error.at) })),
  );
}

/** @param {string} value */
function secret(value) {
  const hidden = "•".repeat(24);
  const shown = h("code", { class: "secret" }, hidden);
  const toggle = h("button", { type: "button", onclick: change }, t("webhook.show"));
  function change() {
    const isHidden = shown.textContent === hidden;
    shown.textContent = isHidden ? value : hidden;
    toggle.textContent = t(isHidden ? "webhook.hide" : "webhook.show");
  }
  return h(
    "div",
    { class: "of-webhook" },
    h("h3", null, t("webhook.secret")),
    h("p", { class: "soft small" }, t("webhook.secretText")),
    h("p", null, shown),
    h("p", { class: "actions" }, toggle, copyButton(value)),
  );
}
