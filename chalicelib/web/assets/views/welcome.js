/** What a visitor sees first: what Darkroom does, and the way in. */

import { h } from "../shared/dom.js";
import { go } from "../app/router.js";
import { session } from "../app/session.js";
import { signInForm } from "../app/sign_in_form.js";
import { t } from "../app/texts.js";

export function show() {
  if (session.isSignedIn) go("images");
  return h(
    "div",
    { class: "welcome" },
    h("section", null, h("h1", null, t("welcome.heading")), h("p", { class: "lead" }, t("welcome.lead"))),
    h("section", { class: "card" }, h("h2", null, t("signIn.title")), signInForm({ done: () => go("images") })),
  );
}
