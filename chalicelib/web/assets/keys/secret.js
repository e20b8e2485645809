/** A secret that is shown once: it is copied, and its owner says that they have stored it. */

import { copyButton, openDialog } from "../app/notices.js";
import { t } from "../app/texts.js";
import { h } from "../shared/dom.js";

/**
 * Shows it until its owner has stored it.
 * @param {string} secret @param {string} title @param {string} text
 */
export async function showSecret(secret, title, text) {
  const stored = h("button", { type: "button", class: "primary" }, t("keys.stored"));
  const dialog = openDialog(
    title,
    [
      h("p", null, text),
      h("p", null, h("code", { class: "secret", tabindex: 0 }, secret)),
      h("p", { class: "actions" }, copyButton(secret), stored),
    ],
    { isFixed: true },
  );
  stored.addEventListener("click", dialog.close);
  await dialog.closed;
}
