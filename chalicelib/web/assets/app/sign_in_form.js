/** Signing in: e-mail address and password, and what the API asks for after that. */

import { codeField, plainCode } from "../account/codes.js";
import { emailField, newPasswordField } from "../account/fields.js";
import { forgotForm, resetForm } from "../account/password_forms.js";
import { visitor } from "../account/visitor.js";
import { h } from "../base/dom.js";
import { ApiError, call } from "./api.js";
import { buildForm } from "./forms.js";
import { session } from "./session.js";
import { note } from "./states.js";
import { t } from "./texts.js";

/** @typedef {(email: string, password: string) => void} Lead */

/**
 * The form, which replaces itself by the API's challenges and by the forms for a forgotten password.
 * @param {object} options
 * @param {string} [options.email]
 * @param {Node[]} [options.actions] beside the button
 * @param {Lead} [options.verify] leads to where the address is verified
 * @param {Lead} [options.forgot] leads to where a new password is set; without it that is done in this place
 */
export function signInForm({ email, actions = [], verify, forgot }) {
  const place = h("div", { class: "sign-in" });
  /** @type {Show} */
  const show = (...content) => {
    place.replaceChildren(...content);
    if (place.isConnected) focusFirst(place);
  };
  /** @param {HTMLElement[]} said */
  const begin = (...said) => {
    const address = visitor.kept.email ?? email;
    const leads = { verify, forgot: forgot ?? ((/** @type {string} */ to) => showForgotten(to, show, begin)) };
    show(...said, passwordForm(address, actions, leads, take));
  };
  /** @param {any} answer @param {string} address @param {boolean} stays */
  const take = async (answer, address, stays) => {
    if (answer.challenge) {
      show(challengeForm(answer, (next) => take(next, address, stays), begin));
      return;
    }
    await session.begin(answer, address, stays);
    visitor.forget();
  };
  begin();
  return place;
}

/** @typedef {(...content: HTMLElement[]) => void} Show */

/**
 * The forms for a forgotten password, in the same place.
 * @param {string} email @param {Show} show @param {Show} begin
 */
function showForgotten(email, show, begin) {
  const back = () => h("button", { type: "button", class: "plain", onclick: () => begin() }, t("action.back"));
  const done = () => begin(note(t("news.changed"), "good"));
  const sent = (/** @type {string} */ to) => show(resetForm({ email: to, done, actions: [back()] }));
  show(forgotForm({ email, done: sent, actions: [back()] }));
}

/** An address that is filled in already is not what is asked for. @param {HTMLElement} place */
function focusFirst(place) {
  const fields = [...place.querySelectorAll("input")];
  (fields.find((field) => field.value === "") ?? fields[0])?.focus();
}

/**
 * @param {string | undefined} email @param {Node[]} actions @param {{verify?: Lead, forgot: Lead}} leads
 * @param {(answer: any, email: string, stays: boolean) => Promise<void>} take
 */
function passwordForm(email, actions, { verify, forgot }, take) {
  const forget = () => forgot(visitor.kept.email ?? email ?? "", "");
  const attributes = { autocomplete: "current-password", required: true, maxlength: 256 };
  const forgotten = h("button", { type: "button", class: "link", onclick: forget }, t("forgot.link"));
  return buildForm({
    fields: [
      emailField(email),
      { name: "password", label: t("field.password"), type: "password", attributes },
      { name: "stays", label: t("signIn.stay"), type: "checkbox", value: true },
    ],
    submit: t("signIn.submit"),
    actions: [forgotten, ...actions],
    send: async (typed) => {
      const body = { email: typed.email.trim(), password: typed.password };
      try {
        await take(await call("POST", "auth/signin", { body, anonymous: true }), body.email, typed.stays);
      } catch (error) {
        const type = error instanceof ApiError ? error.type : "";
        if (type === "AddressNotVerifiedError" && verify) verify(body.email, body.password);
        else if (type === "PasswordResetRequiredError") forgot(body.email, "");
        else throw error;
      }
    },
  });
}

/**
 * What the API asks for after the password.
 * @param {any} asked @param {(answer: any) => Promise<void>} take
 * @param {Show} back to the password, as when answering took too long
 */
function challengeForm(asked, take, back) {
  const isPassword = asked.challenge === "NEW_PASSWORD_REQUIRED";
  const answer = isPassword ? newPasswordField(t("field.newPassword")) : codeField("answer", t("code.hint"));
  return buildForm({
    fields: [h("p", null, t(isPassword ? "signIn.newPassword" : "signIn.code")), answer],
    submit: t("action.continue"),
    actions: [h("button", { type: "button", class: "plain", onclick: () => back() }, t("action.back"))],
    places: { WRONG_CODE: "answer" },
    send: async (typed) => {
      const said = isPassword ? typed.password : plainCode(typed.answer);
      const body = { challenge: asked.challenge, session: asked.session, answer: said };
      try {
        await take(await call("POST", "auth/challenge", { body, anonymous: true }));
      } catch (error) {
        if (!(error instanceof ApiError && error.status === 401)) throw error;
        back(note(t("signIn.tooLate"), "bad"));
      }
    },
  });
}
