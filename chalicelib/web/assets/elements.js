/** Builds the elements of the page. What comes from the contract or from a response only ever becomes a text node. */

/** @typedef {Node | string | number | null | undefined | boolean} Leaf */
/** @typedef {Leaf | Leaf[]} Child */

/**
 * An element with attributes and children. An attribute `on…` is a listener; null, undefined and false leave one out.
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Record<string, any> | null} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function h(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, String(value));
  }
  element.append(...leaves(children));
  return element;
}

/** @param {Child[]} children @returns {(Node | string)[]} */
function leaves(children) {
  return children
    .flat()
    .filter((child) => child !== null && child !== undefined && typeof child !== "boolean")
    .map((child) => (child instanceof Node ? child : String(child)));
}

/** The element of the page with that id. @param {string} id @returns {any} */
export function byId(id) {
  return document.getElementById(id);
}

/** Says something to those who do not see the page change. @param {string} text */
export function announce(text) {
  byId("announcement").textContent = text;
}

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

let tabsMade = 0;
/**
 * What was last chosen among tabs with the same label: whoever reads Python goes on reading Python.
 * @type {Map<string, string>}
 */
const chosenTitles = new Map();

/** A table that scrolls on a narrow screen. @param {string[]} headings @param {HTMLElement[]} rows */
export function table(headings, rows) {
  const head = headings.map((text) => h("th", { scope: "col" }, text));
  return h(
    "div",
    { class: "scroll" },
    h("table", null, h("thead", null, h("tr", null, head)), h("tbody", null, rows)),
  );
}

/**
 * Tabs, one of which is shown. Arrow keys move between them.
 * @param {string} label
 * @param {[string, HTMLElement][]} pages
 */
export function tabs(label, pages) {
  const group = `tabs-${++tabsMade}`;
  const buttons = pages.map(([title], place) =>
    h(
      "button",
      {
        type: "button",
        role: "tab",
        id: `${group}-${place}`,
        "aria-controls": `${group}-${place}-page`,
        onclick: () => show(place),
      },
      title,
    ),
  );
  const panels = pages.map(([, page], place) =>
    h("div", { role: "tabpanel", id: `${group}-${place}-page`, "aria-labelledby": `${group}-${place}` }, page),
  );
  /** @param {number} chosen */
  function show(chosen) {
    buttons.forEach((button, place) => {
      button.setAttribute("aria-selected", String(place === chosen));
      button.tabIndex = place === chosen ? 0 : -1;
      panels[place].hidden = place !== chosen;
    });
    chosenTitles.set(label, pages[chosen][0]);
  }
  /** @param {KeyboardEvent} event */
  function move(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    const next = (buttons.findIndex((button) => button === event.target) + step + buttons.length) % buttons.length;
    show(next);
    buttons[next].focus();
  }
  show(
    Math.max(
      0,
      pages.findIndex(([title]) => title === chosenTitles.get(label)),
    ),
  );
  return h(
    "div",
    { class: "tabs" },
    h("div", { role: "tablist", "aria-label": label, onkeydown: move }, buttons),
    panels,
  );
}
