/** Signing in: e-mail address and password, and what the API asks for after that. */

import { h } from "../shared/dom.js";
import { call } from "./api.js";
import { buildForm } from "./forms.js";
import { session } from "./session.js";
import { t } from "./texts.js";

/**
 * The form, which replaces itself by the API's challenges.
 * @param {object} options
 * @param {string} [options.email]
 * @param {() => void} options.done somebody is signed in
 * @param {Node[]} [options.actions]
 */
export function signInForm({ email = "", done, actions = [] }) {
  const place = h("div", { class: "sign-in" });
  /** @param {any} answer @param {string} address @param {boolean} stays */
  const take = async (answer, address, stays) => {
    if (answer.challenge) {
      const next = challengeForm(answer, (/** @type {any} */ after) => take(after, address, stays));
      place.replaceChildren(next);
      /** @type {HTMLElement | null} */ (next.querySelector("input"))?.focus();
    } else {
      await session.begin(answer, address, stays);
      done();
    }
  };
  place.append(
    buildForm({
      fields: [
        {
          name: "email",
          label: t("field.email"),
          type: "email",
          value: email,
          attributes: { autocomplete: "username", required: true },
        },
        {
          name: "password",
          label: t("field.password"),
          type: "password",
          attributes: { autocomplete: "current-password", required: true },
        },
        { name: "stays", label: t("signIn.stay"), type: "checkbox", value: true },
      ],
      submit: t("signIn.submit"),
      actions,
      send: async (typed) => {
        const body = { email: typed.email, password: typed.password };
        await take(await call("POST", "auth/signin", { body, anonymous: true }), typed.email, typed.stays);
      },
    }),
  );
  return place;
}

/** @param {any} asked @param {(answer: any) => Promise<void>} take */
function challengeForm(asked, take) {
  const isPassword = asked.challenge === "NEW_PASSWORD_REQUIRED";
  const attributes = isPassword
    ? { autocomplete: "new-password", required: true }
    : { autocomplete: "one-time-code", inputmode: "numeric", required: true };
  return buildForm({
    fields: [
      h("p", null, t(isPassword ? "signIn.newPassword" : "signIn.code")),
      {
        name: "answer",
        label: t(isPassword ? "field.newPassword" : "field.code"),
        type: isPassword ? "password" : "text",
        attributes,
      },
    ],
    submit: t("action.continue"),
    send: async ({ answer }) => {
      const body = { challenge: asked.challenge, session: asked.session, answer: answer.trim() };
      await take(await call("POST", "auth/challenge", { body, anonymous: true }));
    },
  });
}
