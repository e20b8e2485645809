/** The fields of accounts: the e-mail address, and a new password with its rules. */

import { buildField } from "../app/forms.js";
import { icon } from "../app/icons.js";
import { t } from "../app/texts.js";
import { h } from "../base/dom.js";
import { visitor } from "./visitor.js";

/** The address. What is typed is kept for the next form. @param {string} [value] */
export function emailField(value = visitor.kept.email ?? "") {
  const attributes = {
    autocomplete: "username",
    required: true,
    maxlength: 254,
    spellcheck: "false",
    oninput: (/** @type {any} */ event) => visitor.keep({ email: event.target.value.trim() }),
  };
  return buildField({ name: "email", label: t("field.email"), type: "email", value, attributes });
}

/** The rules of the API, which checks them too (accounts/passwords.py). @type {() => [RegExp, string][]} */
const rules = () => [
  [/.{12}/u, t("password.length")],
  [/[a-z]/, t("password.small")],
  [/[A-Z]/, t("password.capital")],
  [/[0-9]/, t("password.digit")],
  [/[\^$*.[\]{}()?"!@#%&/\\,><':;|_~`=+-]/, t("password.symbol")],
];

/** A new password: its rules are said before, and checked while it is typed. @param {string} [label] */
export function newPasswordField(label = t("field.password")) {
  const attributes = { autocomplete: "new-password", required: true, maxlength: 256 };
  const field = buildField({ name: "password", label, type: "password", attributes });
  const input = /** @type {HTMLInputElement} */ (field.querySelector("input"));
  const list = h("ul", { id: `${input.id}-rules`, class: "rules", "aria-label": t("password.rules") });
  const check = () => {
    const lines = rules().map(([rule, text]) => {
      const isMet = rule.test(input.value);
      const said = h("span", { class: "unseen" }, t(isMet ? "password.met" : "password.unmet"));
      return h("li", { class: isMet ? "met" : null }, icon(isMet ? "check" : "circle"), h("span", null, text), said);
    });
    list.replaceChildren(...lines);
    const isWeak = rules().some(([rule]) => !rule.test(input.value));
    input.setCustomValidity(input.value && isWeak ? t("password.weak") : "");
  };
  const box = h("input", { type: "checkbox" });
  box.addEventListener("change", () => (input.type = box.checked ? "text" : "password"));
  input.setAttribute("aria-describedby", `${list.id} ${input.id}-error`);
  input.addEventListener("input", check);
  check();
  field.append(h("label", { class: "choice small" }, box, h("span", null, t("password.show"))), list);
  return field;
}
