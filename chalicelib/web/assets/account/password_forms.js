/** A forgotten password: a code is sent to the address, and sets a new one. */

import { IS_LOCAL, call } from "../app/api.js";
import { buildForm } from "../app/forms.js";
import { t } from "../app/texts.js";
import { h } from "../base/dom.js";
import { codeField, plainCode, resendButton } from "./codes.js";
import { emailField, newPasswordField } from "./fields.js";
import { visitor } from "./visitor.js";

/** @param {string} email */
async function sendCode(email) {
  await call("POST", "auth/forgot-password", { body: { email }, anonymous: true });
  visitor.keep({ email, sentAt: Date.now() });
}

/** Asks for the code. @param {{email?: string, done: (email: string) => void, actions?: Node[]}} options */
export function forgotForm({ email, done, actions }) {
  return buildForm({
    fields: [h("p", { class: "soft" }, t("forgot.lead")), emailField(email)],
    submit: t("forgot.submit"),
    actions,
    send: async (typed) => {
      const address = typed.email.trim();
      await sendCode(address);
      done(address);
    },
  });
}

/** Takes the code and the new password. @param {{email?: string, done: () => void, actions?: Node[]}} options */
export function resetForm({ email, done, actions = [] }) {
  const address = emailField(email);
  return buildForm({
    fields: [
      h("p", { class: "soft" }, t("reset.lead")),
      address,
      codeField("code", t(IS_LOCAL ? "code.local" : "code.mail")),
      newPasswordField(t("field.newPassword")),
    ],
    submit: t("reset.submit"),
    actions: [resendButton(address, sendCode), ...actions],
    send: async (typed) => {
      const body = { email: typed.email.trim(), code: plainCode(typed.code), password: typed.password };
      await call("POST", "auth/reset-password", { body, anonymous: true });
      done();
    },
  });
}
