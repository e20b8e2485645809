/** A new password, by the code that was sent. */

import { resetForm } from "../account/password_forms.js";
import { visitor } from "../account/visitor.js";
import { goToSignIn, toSignIn, visitorPage } from "../account/visitor_page.js";
import { t } from "../app/texts.js";

/** @param {import("../app/views.js").Place} place */
export function show({ query }) {
  const done = () => {
    visitor.keep({ news: "changed" });
    goToSignIn();
  };
  return visitorPage(() => ({
    title: t("reset.title"),
    content: [
      resetForm({ email: query.get("email") ?? undefined, done }),
      toSignIn(t("forgot.remembered")),
    ],
  }));
}
