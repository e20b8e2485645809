/** Texts, JSON and code of the contract as elements. */

import { announce, h } from "../base/dom.js";

/** @typedef {import("../base/dom.js").Leaf} Leaf */

/** The name of a method in its color. @param {string} method */
export function methodBadge(method) {
  return h("span", { class: `method ${method.toLowerCase()}` }, method);
}

const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\(([^)\s]+)\)/g;
// Links lead to other pages or to a place on this one; never to a script.
const SAFE_LINK = /^(https:\/\/|#|[\w./-]+$)/;

/**
 * A text in the small part of Markdown that descriptions use: paragraphs, lists, `code`, **bold** and links.
 * @param {string | undefined} text
 * @param {(code: string) => string | undefined} [linkOf] the address of what a piece of code names
 * @returns {DocumentFragment}
 */
export function prose(text, linkOf = () => undefined) {
  const fragment = new DocumentFragment();
  for (const block of (text ?? "").trim().split(/\n\s*\n/)) {
    const items = block.split(/\n(?=\s*[-*] )/);
    if (/^\s*[-*] /.test(block)) {
      fragment.append(
        h(
          "ul",
          null,
          items.map((item) => h("li", null, inline(item.replace(/^\s*[-*] /, ""), linkOf))),
        ),
      );
    } else if (block) {
      fragment.append(h("p", null, inline(block, linkOf)));
    }
  }
  return fragment;
}

/**
 * One line of such a text.
 * @param {string} text
 * @param {(code: string) => string | undefined} [linkOf]
 * @returns {Leaf[]}
 */
export function inline(text, linkOf = () => undefined) {
  /** @type {Leaf[]} */
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    const [whole, code, bold, label, address] = match;
    parts.push(text.slice(end, match.index));
    end = match.index + whole.length;
    const link = code && linkOf(code);
    if (code) parts.push(link ? h("a", { href: link }, h("code", null, code)) : h("code", null, code));
    else if (bold) parts.push(h("strong", null, bold));
    else parts.push(SAFE_LINK.test(address) ? h("a", { href: address }, label) : whole);
  }
  return [...parts, text.slice(end)];
}

const JSON_PART = /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\d[\d.eE+-]*/g;

/** JSON in colors: names, texts, and other values. @param {string} text @returns {HTMLElement} */
export function jsonCode(text) {
  const code = h("code");
  let end = 0;
  for (const match of text.matchAll(JSON_PART)) {
    const [whole, string, colon] = match;
    const part = string ?? whole;
    code.append(text.slice(end, match.index), h("span", { class: colon ? "key" : string ? "text" : "value" }, part));
    end = match.index + part.length;
  }
  code.append(text.slice(end));
  return code;
}

/**
 * A block of code with a button that copies it.
 * @param {string} label what it is, for those who do not see it
 * @param {HTMLElement} code
 */
export function codeBlock(label, code) {
  const pre = h("pre", { tabindex: 0, "aria-label": label, role: "region" }, code);
  const button = h(
    "button",
    { type: "button", class: "copy", "aria-label": `Copy: ${label}`, onclick: () => copy(button, code) },
    "Copy",
  );
  return h("div", { class: "code" }, pre, button);
}

/** @param {HTMLElement} button @param {HTMLElement} code */
async function copy(button, code) {
  try {
    await navigator.clipboard.writeText(code.textContent ?? "");
    button.textContent = "Copied";
  } catch {
    // Without permission for the clipboard one copies by hand.
    getSelection()?.selectAllChildren(code);
    button.textContent = "Selected";
  }
  announce(button.textContent);
  setTimeout(() => (button.textContent = "Copy"), 1500);
}
