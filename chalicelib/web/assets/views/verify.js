/** A new address is proved by the code that was sent to it. */

import { codeField, plainCode, resendButton } from "../account/codes.js";
import { emailField } from "../account/fields.js";
import { visitor } from "../account/visitor.js";
import { goToSignIn, toSignIn, visitorPage } from "../account/visitor_page.js";
import { IS_LOCAL, call } from "../app/api.js";
import { buildForm } from "../app/forms.js";
import { session } from "../app/session.js";
import { t } from "../app/texts.js";
import { h } from "../base/dom.js";

/** @param {import("../app/views.js").Place} place */
export function show({ query }) {
  const email = query.get("email") ?? undefined;
  return visitorPage(() => ({
    title: t("verify.title"),
    content: [
      h("p", { class: "soft" }, t("verify.lead")),
      verifyForm(email),
      h("p", { class: "aside" }, t("verify.none"), " ", h("a", { href: "#/sign-up" }, t("signUp.title"))),
      toSignIn(t("signUp.have")),
    ],
  }));
}

/** @param {string} [known] */
function verifyForm(known) {
  const address = emailField(known);
  const send = async (/** @type {string} */ email) => {
    await call("POST", "auth/resend", { body: { email }, anonymous: true });
    visitor.keep({ email, sentAt: Date.now() });
  };
  return buildForm({
    fields: [address, codeField("code", t(IS_LOCAL ? "code.local" : "code.mail"))],
    submit: t("verify.submit"),
    actions: [resendButton(address, send)],
    send: async (typed) => {
      const email = typed.email.trim();
      await call("POST", "auth/verify", { body: { email, code: plainCode(typed.code) }, anonymous: true });
      visitor.keep({ email, news: "verified" });
      if (!(await signIn(email))) goToSignIn();
    },
  });
}

/** Signs in with the password that was typed a moment ago; whether that worked. @param {string} email */
async function signIn(email) {
  const { password } = visitor;
  visitor.password = "";
  if (!password) return false;
  try {
    const answer = await call("POST", "auth/signin", { body: { email, password }, anonymous: true });
    if (answer.challenge) return false;
    await session.begin(answer, email, true);
    return true;
  } catch {
    // The code has done its part; the form for signing in says what is wrong.
    return false;
  }
}
