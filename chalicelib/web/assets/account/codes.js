/** Codes: the field for one, of an e-mail or of an authenticator, and sending one again. */

import { ApiError } from "../app/api.js";
import { buildField, tick } from "../app/forms.js";
import { explain } from "../app/states.js";
import { t } from "../app/texts.js";
import { h } from "../base/dom.js";
import { visitor } from "./visitor.js";

// A code is not sent again sooner than that after the last one.
const PAUSE_SECONDS = 30;

/** A code: of an e-mail, or of an authenticator. @param {string} name as the API calls it @param {string} [hint] */
export function codeField(name, hint) {
  const attributes = {
    autocomplete: "one-time-code",
    inputmode: "numeric",
    required: true,
    maxlength: 64,
    class: "code",
    spellcheck: "false",
  };
  return buildField({ name, label: t("field.code"), hint, attributes });
}

/** A code as it was meant: apps show it in two groups. @param {string} code */
export function plainCode(code) {
  return code.replace(/[\s-]/g, "");
}

/**
 * A button that sends the code again.
 * @param {HTMLElement} address the field with the address
 * @param {(email: string) => Promise<void>} send notes when it has sent the code
 */
export function resendButton(address, send) {
  const button = h("button", { type: "button", class: "link", onclick: press });
  const said = h("span", { class: "small", role: "status" });
  const input = /** @type {HTMLInputElement} */ (address.querySelector("input"));
  /** @param {number} until milliseconds since 1970 */
  const rest = (until) =>
    tick(until, (seconds) => {
      button.disabled = seconds > 0;
      button.textContent = seconds > 0 ? t("code.againIn", { count: seconds }) : t("code.again");
    });
  const restFromLast = () => rest((visitor.kept.sentAt ?? 0) + PAUSE_SECONDS * 1000);
  async function press() {
    if (!input.reportValidity()) return;
    button.disabled = true;
    said.textContent = "";
    try {
      await send(input.value.trim());
      said.textContent = t("code.sent");
      restFromLast();
    } catch (error) {
      said.textContent = explain(error);
      rest(Date.now() + ((error instanceof ApiError && error.retryAfter) || 0) * 1000);
    }
  }
  restFromLast();
  return h("span", { class: "resend" }, button, said);
}
