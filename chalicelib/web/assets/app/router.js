/** Shows the view that the address names. */

import { announce, byId } from "../base/dom.js";
import { UnreachableError } from "./api.js";
import { session } from "./session.js";
import { failure, waiting } from "./states.js";
import { t } from "./texts.js";
import { VIEWS } from "./views.js";

let leaving = new AbortController();

/** Begins to follow the address. */
export function startRouter() {
  addEventListener("hashchange", () => showView(true));
  return showView(false);
}

/** Shows the present view anew, as after signing in. */
export function showAgain() {
  return showView(true);
}

/** @typedef {import("./views.js").View} View */
/** @typedef {{view: View, params: Record<string, string>, query: URLSearchParams}} Found */

/** @param {string} hash @returns {Found | null} */
function find(hash) {
  const [address, query] = hash.replace(/^#?\/?/, "").split("?", 2);
  const names = address.split("/");
  for (const view of VIEWS) {
    const parts = view.address.split("/");
    if (parts.length !== names.length) continue;
    /** @type {Record<string, string>} */
    const params = {};
    const fits = parts.every((part, place) => {
      if (!part.startsWith(":")) return part === names[place];
      params[part.slice(1)] = decode(names[place]);
      return names[place] !== "";
    });
    if (fits) return { view, params, query: new URLSearchParams(query) };
  }
  return null;
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

class NoViewError extends Error {
  constructor() {
    super(t("error.noView"));
  }
}

/** Who reads is known before a view is shown; without the server it says so itself. @param {View} view */
async function readProfile(view) {
  try {
    if (!session.profile) await session.readProfile();
  } catch (error) {
    if (view.for === "admin" || !(error instanceof UnreachableError)) throw error;
  }
  if (view.for === "admin" && !session.isAdmin) throw new NoViewError();
}

/** @param {boolean} moves whether the reader came from another view: then the content gets the focus */
async function showView(moves) {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const content = byId("content");
  const found = find(location.hash);
  // Who is not signed in reads the welcome page, and after signing in comes to where the address leads.
  const isOpen = found && (found.view.for === "anyone" || session.isSignedIn);
  const view = found && isOpen ? found.view : VIEWS[0];
  document.body.dataset.view = view.address.split("/")[0] || "welcome";
  document.title = view.address ? `${t(view.title)} · Darkroom` : "Darkroom";
  dispatchEvent(new Event("view"));
  const delay = setTimeout(() => !signal.aborted && content.replaceChildren(waiting()), 150);
  try {
    if (!found) throw new NoViewError();
    if (view.for !== "anyone") await readProfile(view);
    const module = await view.load();
    const node = await module.show({ params: found.params, query: found.query, signal });
    if (!signal.aborted) content.replaceChildren(node);
  } catch (error) {
    if (signal.aborted) return;
    content.replaceChildren(failure(error, error instanceof NoViewError ? undefined : () => showView(false)));
  } finally {
    clearTimeout(delay);
  }
  if (!moves || signal.aborted) return;
  scrollTo(0, 0);
  content.focus({ preventScroll: true });
  announce(document.title);
}
