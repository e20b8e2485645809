/** What stands around every view: the name, the navigation, the reader's account, the state of the network. */

import { byId, h } from "../base/dom.js";
import { icon } from "./icons.js";
import { openDialog } from "./notices.js";
import { session } from "./session.js";
import { signInForm } from "./sign_in_form.js";
import { t } from "./texts.js";
import { VIEWS } from "./views.js";

/** Draws the frame, and again when somebody signs in or out. */
export function startFrame() {
  drawFrame();
  session.addEventListener("changed", drawFrame);
  session.addEventListener("ended", askToSignIn);
  addEventListener("view", markCurrent);
  addEventListener("online", showNetwork);
  addEventListener("offline", showNetwork);
}

function drawFrame() {
  document.body.classList.toggle("signed-in", session.isSignedIn);
  byId("frame").replaceChildren(
    h("a", { id: "skip", href: "#content", onclick: skip }, t("nav.skip")),
    h("header", { id: "bar" }, brand(), session.isSignedIn && menuButton(), tools()),
    ...(session.isSignedIn ? [navigation()] : []),
    h("p", { id: "network", role: "status", hidden: navigator.onLine }, icon("warning"), t("error.offline")),
  );
  markCurrent();
}

/** @param {Event} event */
function skip(event) {
  event.preventDefault();
  byId("content").focus();
}

function brand() {
  const picture = new URL("../base/icon.svg", import.meta.url).href;
  const home = session.isSignedIn ? "#/images" : "#/";
  return h("a", { id: "brand", href: home }, h("img", { src: picture, alt: "", width: 24, height: 24 }), "Darkroom");
}

function menuButton() {
  const toggle = () => {
    const isOpen = byId("navigation").classList.toggle("open");
    button.setAttribute("aria-expanded", String(isOpen));
  };
  const attributes = { type: "button", id: "menu", class: "plain round", "aria-expanded": "false" };
  const button = h(
    "button",
    { ...attributes, "aria-controls": "navigation", "aria-label": t("nav.menu"), onclick: toggle },
    icon("menu"),
  );
  return button;
}

function navigation() {
  const shown = VIEWS.filter((view) => view.icon && (view.for !== "admin" || session.isAdmin));
  const link = (/** @type {import("./views.js").View} */ view) =>
    h("li", null, h("a", { href: `#/${view.address}` }, icon(view.icon ?? "images"), t(view.title)));
  const own = shown.filter((view) => view.for !== "admin").map(link);
  const others = shown.filter((view) => view.for === "admin").map(link);
  return h(
    "nav",
    { id: "navigation", "aria-label": t("nav.label") },
    h("ul", null, own),
    others.length > 0 && h("h2", null, t("nav.administration")),
    others.length > 0 && h("ul", null, others),
  );
}

function tools() {
  const isSignedIn = session.isSignedIn;
  return h(
    "div",
    { id: "tools" },
    h("a", { href: "docs", class: "button plain" }, t("nav.docs")),
    themeButton(),
    isSignedIn && h("a", { href: "#/account", id: "who" }, session.profile?.name || session.tokens?.email),
    isSignedIn && h("button", { type: "button", onclick: signOut }, t("nav.signOut")),
  );
}

function themeButton() {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const change = () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    localStorage.setItem("darkroom-theme", root.dataset.theme);
    button.replaceChildren(icon(isDark() ? "sun" : "moon"));
    dispatchEvent(new Event("theme"));
  };
  const attributes = { type: "button", class: "plain round", "aria-label": t("nav.theme"), onclick: change };
  const button = h("button", attributes, icon(isDark() ? "sun" : "moon"));
  return button;
}

/** The tokens of this device are forgotten. Sessions elsewhere go on. */
function signOut() {
  session.leave();
}

function markCurrent() {
  const current = document.body.dataset.view;
  for (const link of document.querySelectorAll("#navigation a")) {
    const isCurrent = link.getAttribute("href") === `#/${current}`;
    if (isCurrent) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.getElementById("navigation")?.classList.remove("open");
  document.getElementById("menu")?.setAttribute("aria-expanded", "false");
}

function showNetwork() {
  byId("network").hidden = navigator.onLine;
}

let isAsked = false;

/** The session has ended: asks for the password over the view, which stays as it is. */
async function askToSignIn() {
  if (isAsked) return;
  isAsked = true;
  const email = session.tokens?.email ?? session.profile?.email ?? "";
  const leave = h("button", { type: "button", class: "plain", onclick: signOut }, t("nav.signOut"));
  const dialog = openDialog(
    t("signIn.endedTitle"),
    [h("p", null, t("signIn.ended")), signInForm({ email, actions: [leave] })],
    { isFixed: true },
  );
  session.addEventListener("resumed", dialog.close, { once: true });
  await dialog.closed;
  isAsked = false;
}
