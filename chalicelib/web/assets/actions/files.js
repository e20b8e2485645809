/** Links to the files that an action made. A link of the API opens for an hour, so an old one is asked for anew. */

import { h } from "../base/dom.js";
import { call, path } from "../app/api.js";
import { bytes } from "../app/format.js";
import { icon } from "../app/icons.js";
import { toast } from "../app/notices.js";
import { explain } from "../app/states.js";
import { t } from "../app/texts.js";

// The credentials that signed a link may end before its hour does.
const OLD = 15 * 60_000;

/** A link for each file. @param {Record<string, any>} action @param {{isShort?: boolean}} [look] without sizes */
export function downloads(action, { isShort = false } = {}) {
  if (action.files.length > 0) return action.files.map((/** @type {any} */ file) => download(action, file, isShort));
  // What an external service made lies where that says.
  return action.resultUrl ? [link(action.resultUrl, t("action.result"))] : [];
}

/** @param {Record<string, any>} action @param {{name: string, format: string, fileSize: number, url: string}} file
 * @param {boolean} isShort */
function download(action, file, isShort) {
  const made = Date.now();
  const size = isShort ? "" : ` · ${bytes(file.fileSize)}`;
  const text = file.format.toUpperCase() + size;
  const element = link(file.url, text);
  element.setAttribute("aria-label", t("action.download", { text, name: file.name }));
  element.addEventListener("click", async (event) => {
    if (Date.now() - made < OLD) return;
    event.preventDefault();
    try {
      const fresh = (await call("GET", path`actions/${action.actionId}`)).action;
      const found = fresh.files.find((/** @type {any} */ each) => each.name === file.name);
      location.assign(safe(found?.url ?? file.url));
    } catch (error) {
      toast(explain(error), { isBad: true });
    }
  });
  return element;
}

/** @param {string} url @param {string} text */
function link(url, text) {
  return h("a", { href: safe(url), class: "button", rel: "noreferrer", download: "" }, icon("exports"), text);
}

/** An address that is no script. @param {string} url */
function safe(url) {
  return /^https?:\/\//i.test(url) ? url : "#";
}
