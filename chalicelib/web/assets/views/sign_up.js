/** A new account: e-mail address, name and password. */

import { emailField, newPasswordField } from "../account/fields.js";
import { visitor } from "../account/visitor.js";
import { addressed, toSignIn, visitorPage } from "../account/visitor_page.js";
import { call } from "../app/api.js";
import { buildForm } from "../app/forms.js";
import { go } from "../app/address.js";
import { t } from "../app/texts.js";

export function show() {
  return visitorPage(() => ({ title: t("signUp.title"), content: [signUpForm(), toSignIn(t("signUp.have"))] }));
}

function signUpForm() {
  const keepName = (/** @type {any} */ event) => visitor.keep({ name: event.target.value });
  const attributes = { autocomplete: "name", maxlength: 200, oninput: keepName };
  return buildForm({
    fields: [
      { name: "name", label: t("field.name"), hint: t("signUp.nameHint"), value: visitor.kept.name ?? "", attributes },
      emailField(),
      newPasswordField(),
    ],
    submit: t("signUp.submit"),
    send: async (typed) => {
      const email = typed.email.trim();
      const name = typed.name.trim();
      const body = { email, password: typed.password, ...(name && { name }) };
      await call("POST", "auth/signup", { body, anonymous: true });
      visitor.keep({ email, sentAt: Date.now() });
      visitor.password = typed.password;
      go(addressed("verify", email));
    },
  });
}
