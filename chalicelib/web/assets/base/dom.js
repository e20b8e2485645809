/** Builds elements. What comes from a response, a file or a user only ever becomes a text node or an attribute. */

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

const SVG = "http://www.w3.org/2000/svg";

/**
 * A part of a drawing, with attributes and children; null and undefined leave an attribute out.
 * @template {keyof SVGElementTagNameMap} Name
 * @param {Name} name
 * @param {Record<string, string | number | null | undefined>} attributes
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[Name]}
 */
export function svg(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(key, String(value));
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

let tabsMade = 0;
/**
 * What was last chosen among tabs with the same label: whoever reads Python goes on reading Python.
 * @type {Map<string, string>}
 */
const chosenTitles = new Map();

/**
 * A table that scrolls on a narrow screen; with a label also by the keyboard.
 * @param {string[]} headings @param {HTMLElement[]} rows @param {string} [label]
 */
export function table(headings, rows, label) {
  const head = headings.map((text) => h("th", { scope: "col" }, text));
  return scrolled(h("table", null, h("thead", null, h("tr", null, head)), h("tbody", null, rows)), label);
}

/** What may be wider than the screen. @param {HTMLElement} content @param {string} [label] */
export function scrolled(content, label) {
  const region = label ? { tabindex: 0, role: "region", "aria-label": label } : {};
  return h("div", { class: "scroll", ...region }, content);
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
