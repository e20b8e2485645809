/** What a visitor sees first: what Darkroom does, and the way in. */

import { drawDarkroom } from "../account/darkroom.js";
import { visitor } from "../account/visitor.js";
import { addressed } from "../account/visitor_page.js";
import { go } from "../app/address.js";
import { session } from "../app/session.js";
import { signInForm } from "../app/sign_in_form.js";
import { note } from "../app/states.js";
import { t } from "../app/texts.js";
import { h } from "../base/dom.js";

const NEWS = { verified: t("news.verified"), changed: t("news.changed"), erased: t("news.erased") };

export function show() {
  const next = location.hash.replace(/^#?\/?/, "");
  if (session.isSignedIn) {
    go("images");
    return h("div", null);
  }
  // Another address led here: it is shown when the reader has signed in.
  visitor.keep({ next });
  const news = visitor.takeNews();
  const form = signInForm({
    verify: (email, password) => {
      visitor.keep({ email });
      visitor.password = password;
      go(addressed("verify", email));
    },
    forgot: () => go("forgot"),
  });
  return h(
    "div",
    { class: "visitor welcome" },
    h("section", { class: "words" }, h("h1", null, t("welcome.heading")), h("p", { class: "lead" }, t("welcome.lead"))),
    h("section", { class: "shown" }, drawDarkroom()),
    h(
      "section",
      { class: "card" },
      news && note(NEWS[news], "good"),
      h("h2", null, t("signIn.title")),
      form,
      h("p", { class: "aside" }, t("signUp.question"), " ", h("a", { href: "#/sign-up" }, t("signUp.title"))),
    ),
  );
}
