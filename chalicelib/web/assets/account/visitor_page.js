/** The frame of the views for who is not signed in: the picture of what Darkroom does, and a card beside it. */

import { go } from "../app/address.js";
import { session } from "../app/session.js";
import { t } from "../app/texts.js";
import { h } from "../base/dom.js";
import { drawDarkroom } from "./darkroom.js";
import { visitor } from "./visitor.js";

/**
 * A view for visitors; who is signed in already goes on to where they wanted to.
 * @param {() => {title: string, content: (Node | false | null | undefined)[]}} build
 */
export function visitorPage(build) {
  if (session.isSignedIn) {
    const { next } = visitor.kept;
    visitor.forget();
    go(next || "images");
    return h("div", null);
  }
  const { title, content } = build();
  return h(
    "div",
    { class: "visitor" },
    h("section", { class: "shown" }, drawDarkroom()),
    h("section", { class: "card" }, h("h1", null, title), content),
  );
}

/** The way to the form for signing in. @param {string} question before it */
export function toSignIn(question) {
  const href = `#/${visitor.kept.next ?? ""}`;
  return h("p", { class: "aside" }, question, " ", h("a", { href }, t("signIn.title")));
}

/** To where one signs in, and then to where the first address led. */
export function goToSignIn() {
  go(visitor.kept.next ?? "");
}

/** The address of a view with an e-mail address in it. @param {"verify" | "reset"} view @param {string} email */
export function addressed(view, email) {
  return `${view}?email=${encodeURIComponent(email)}`;
}
