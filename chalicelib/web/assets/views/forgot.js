/** A forgotten password: where the code is sent to. */

import { forgotForm } from "../account/password_forms.js";
import { addressed, toSignIn, visitorPage } from "../account/visitor_page.js";
import { go } from "../app/address.js";
import { t } from "../app/texts.js";

export function show() {
  return visitorPage(() => ({
    title: t("forgot.title"),
    content: [
      forgotForm({ done: (email) => go(addressed("reset", email)) }),
      toSignIn(t("forgot.remembered")),
    ],
  }));
}
