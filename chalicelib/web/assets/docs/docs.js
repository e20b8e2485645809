/** The page at /docs: reads openapi.json beside it, and shows what the address and the search ask for. */

import { API, Contract } from "./contract.js";
import { byId, h } from "../base/dom.js";
import { pageAt } from "./pages.js";
import { buildIndex, find } from "./search.js";
import { Session } from "./session.js";
import { methodBadge } from "./elements.js";

const content = byId("content");
const contents = byId("contents");
const search = byId("search").querySelector("input");

/** @returns {Promise<Contract>} */
async function load() {
  const response = await fetch(new URL("openapi.json", API), { credentials: "omit" });
  if (!response.ok) throw new Error(`openapi.json answered ${response.status}`);
  return new Contract(await response.json());
}

/** @param {Contract} contract */
function start(contract) {
  const index = buildIndex(contract);
  const session = new Session(contract);
  const show = () => showPage(contract, session);
  const list = () => listEntries(contract, index, search.value);
  addEventListener("hashchange", show);
  search.addEventListener("input", list);
  byId("search").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    byId("entries").querySelector("a")?.click();
  });
  addEventListener("keydown", onKey);
  byId("menu").addEventListener("click", () => toggleContents(!contents.classList.contains("open")));
  byId("skip").addEventListener("click", (/** @type {Event} */ event) => {
    event.preventDefault();
    content.focus();
  });
  list();
  show();
}

/** @param {Contract} contract @param {Session} session */
function showPage(contract, session) {
  const address = location.hash.slice(1);
  const page = pageAt(contract, session, address);
  const isFirst = content.contains(byId("loading"));
  content.replaceChildren(page);
  document.title = address ? `${page.querySelector("h1")?.textContent} · Darkroom API` : "Darkroom API";
  toggleContents(false);
  markCurrent();
  scrollTo(0, 0);
  if (address === "authentication") byId(address)?.scrollIntoView();
  if (!isFirst) content.focus({ preventScroll: true });
  showFound(page);
}

/** Shows the field that the search found. @param {HTMLElement} page */
function showFound(page) {
  const word = search.value.trim().toLowerCase();
  const fields = /** @type {HTMLElement[]} */ ([...page.querySelectorAll("[data-field]")]);
  const found = word && fields.find(({ dataset }) => dataset.field?.toLowerCase() === word);
  if (!found) return;
  for (let at = found.closest("details"); at; at = at.parentElement?.closest("details") ?? null) at.open = true;
  found.classList.add("found");
  found.scrollIntoView({ block: "center" });
}

/** @param {Contract} contract @param {ReturnType<typeof buildIndex>} index @param {string} query */
function listEntries(contract, index, query) {
  const found = query.trim() ? find(index, query) : null;
  byId("found").textContent = found ? `${found.length} ${found.length === 1 ? "operation" : "operations"} found` : "";
  byId("entries").replaceChildren(...(found ? [foundList(found)] : tagLists(contract)));
  markCurrent();
}

/** @param {ReturnType<typeof find>} found */
function foundList(found) {
  return h(
    "ul",
    null,
    found.map(({ operation, address, because }) =>
      h(
        "li",
        null,
        entry(
          address,
          operation.method,
          operation.path,
          because && h("small", null, `${because.kind} `, h("code", null, because.text)),
        ),
      ),
    ),
  );
}

/** @param {Contract} contract */
function tagLists(contract) {
  const webhooks = contract.webhooks.map(({ id, method, path }) => h("li", null, entry(`webhook-${id}`, method, path)));
  return [
    h(
      "ul",
      null,
      h("li", null, h("a", { href: "#" }, "Overview")),
      h("li", null, h("a", { href: "#errors" }, "Errors")),
    ),
    ...contract.tags.map(({ name, operations }) =>
      h(
        "section",
        null,
        h("h2", null, name),
        h(
          "ul",
          null,
          operations.map(({ id, method, path, summary }) => h("li", null, entry(id, method, path, null, summary))),
        ),
      ),
    ),
    webhooks.length ? h("section", null, h("h2", null, "Webhooks"), h("ul", null, webhooks)) : "",
  ];
}

/** @param {string} id @param {string} method @param {string} path @param {any} [because] @param {string} [title] */
function entry(id, method, path, because, title) {
  return h(
    "a",
    { href: `#${id}`, title },
    methodBadge(method),
    h("span", { class: "path" }, path.replace(/([/_])/g, "$1\u200b")),
    because,
  );
}

function markCurrent() {
  for (const link of byId("entries").querySelectorAll("a")) {
    if (link.getAttribute("href") === (location.hash || "#")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  byId("entries").querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
}

/** On a narrow screen the contents are shown over the page. @param {boolean} isOpen */
function toggleContents(isOpen) {
  contents.classList.toggle("open", isOpen);
  byId("menu").setAttribute("aria-expanded", String(isOpen));
  if (isOpen) search.focus();
}

/** `/` goes to the search, arrows go through what it found, Escape ends it. @param {KeyboardEvent} event */
function onKey(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  const isTyping = target.matches("input, textarea, select");
  if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    toggleContents(true);
    search.select();
  } else if (event.key === "Escape" && contents.contains(target)) {
    search.value = "";
    search.dispatchEvent(new Event("input"));
    toggleContents(false);
    content.focus({ preventScroll: true });
  } else if (event.key.startsWith("Arrow") && contents.contains(target)) {
    moveInContents(event);
  }
}

/** @param {KeyboardEvent} event */
function moveInContents(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step === undefined) return;
  const stops = [search, ...byId("entries").querySelectorAll("a")];
  const next = stops[stops.indexOf(event.target) + step];
  event.preventDefault();
  next?.focus();
}

try {
  start(await load());
} catch (error) {
  const message = `The contract could not be read: ${/** @type {Error} */ (error).message}.`;
  content.replaceChildren(
    h("p", { role: "alert", class: "problem" }, message),
    h("p", null, h("a", { href: "openapi.json" }, "openapi.json")),
  );
}
