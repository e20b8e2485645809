/** Sending a code again: not sooner than half a minute after the last one. */

import { ApiError } from "../app/api.js";
import { tick } from "../app/forms.js";
import { explain } from "../app/states.js";
import { t } from "../app/texts.js";
import { h } from "../shared/dom.js";
import { visitor } from "./visitor.js";

const PAUSE_SECONDS = 30;

/**
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
