/** What is said for a moment, and what is asked in a dialog. */

import { announce, byId, h } from "../base/dom.js";
import { icon } from "./icons.js";
import { t } from "./texts.js";

/**
 * A sentence at the edge of the page, for some seconds; a button in it does one thing. It stays while the pointer or
 * the focus is on it.
 * @param {string} text
 * @param {{action?: string, run?: () => void, seconds?: number, isBad?: boolean, onGone?: () => void}} [options]
 * @returns {() => void} takes it away
 */
export function toast(text, { action, run, seconds = 5, isBad = false, onGone } = {}) {
  const close = h("button", { type: "button", class: "plain round", "aria-label": t("action.close") }, icon("close"));
  const act = action && h("button", { type: "button", class: "plain" }, action);
  const element = h("div", { class: isBad ? "toast bad" : "toast" }, h("span", null, text), act, close);
  let timer = 0;
  let isGone = false;
  const gone = () => {
    if (isGone) return;
    isGone = true;
    clearTimeout(timer);
    element.remove();
    onGone?.();
  };
  const start = () => (timer = setTimeout(gone, seconds * 1000));
  for (const event of ["pointerenter", "focusin"]) element.addEventListener(event, () => clearTimeout(timer));
  for (const event of ["pointerleave", "focusout"]) element.addEventListener(event, () => !isGone && start());
  close.addEventListener("click", gone);
  if (act) {
    act.addEventListener("click", () => {
      onGone = undefined;
      gone();
      run?.();
    });
  }
  byId("toasts").append(element);
  announce(text);
  start();
  return gone;
}

/**
 * A dialog over the page, until it is closed.
 * @param {string} title
 * @param {(Node | string)[]} content
 * @param {{isFixed?: boolean, class?: string}} [options] a fixed one cannot be closed by the reader
 * @returns {{close: () => void, closed: Promise<void>, element: HTMLDialogElement}}
 */
export function openDialog(title, content, options = {}) {
  const id = `dialog-${crypto.randomUUID()}`;
  const close = h("button", { type: "button", class: "plain round", "aria-label": t("action.close") }, icon("close"));
  const head = h("header", null, h("h2", { id, tabindex: -1, autofocus: true }, title), !options.isFixed && close);
  const closedby = options.isFixed ? "none" : null;
  const dialog = h("dialog", { "aria-labelledby": id, class: options.class, closedby }, head, ...content);
  close.addEventListener("click", () => dialog.close());
  if (options.isFixed) dialog.addEventListener("cancel", (event) => event.preventDefault());
  /** @type {Promise<void>} */
  const closed = new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve();
    });
  });
  document.body.append(dialog);
  dialog.showModal();
  return { close: () => dialog.close(), closed, element: dialog };
}

/**
 * Asks before something is done that cannot be undone.
 * @param {{title: string, text: string, confirm: string, isDangerous?: boolean}} question
 * @returns {Promise<boolean>}
 */
export async function confirm({ title, text, confirm, isDangerous = false }) {
  let isConfirmed = false;
  const yes = h("button", { type: "button", class: isDangerous ? "danger" : "primary" }, confirm);
  const no = h("button", { type: "button" }, t("action.cancel"));
  const dialog = openDialog(title, [h("p", null, text), h("p", { class: "actions" }, no, yes)]);
  no.addEventListener("click", dialog.close);
  yes.addEventListener("click", () => {
    isConfirmed = true;
    dialog.close();
  });
  await dialog.closed;
  return isConfirmed;
}

/** A button that copies a text. @param {string} text @param {string} [label] */
export function copyButton(text, label = t("action.copy")) {
  const said = h("span", null, label);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      said.textContent = t("state.copied");
      announce(t("state.copied"));
    } catch {
      toast(t("error.clipboard"), { isBad: true });
    }
    setTimeout(() => (said.textContent = label), 2000);
  };
  return h("button", { type: "button", onclick: copy }, icon("copy"), said);
}
