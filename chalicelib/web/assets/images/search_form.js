/** What images are searched by: name, tag, status and day. It stands in the address, so that Back and links find it. */

import { byId, h } from "../base/dom.js";
import { buildField, readForm } from "../app/forms.js";
import { icon } from "../app/icons.js";
import { t, textOf } from "../app/texts.js";
import { searchOf } from "./collection.js";

const PAUSE = 300;
const STATUSES = ["PENDING", "UPLOADED", "PROCESSING", "COMPLETED", "FAILED"];

/**
 * The form of the search. `onSearch` gets what is searched for, a moment after the reader stopped to type.
 * @param {URLSearchParams} query @param {(query: URLSearchParams) => void} onSearch @param {AbortSignal} signal
 */
export function searchForm(query, onSearch, signal) {
  const statuses = STATUSES.map(
    (each) => /** @type {[string, string]} */ ([each, textOf("imageStatus", each) ?? each]),
  );
  const value = (/** @type {string} */ name) => query.get(name) ?? "";
  const name = buildField({
    name: "name",
    label: t("gallery.name"),
    type: "search",
    value: value("name"),
    attributes: { maxlength: 200, placeholder: t("gallery.namePlaceholder"), autocomplete: "off" },
  });
  name.prepend(icon("search"));
  const more = [
    { name: "tag", label: t("gallery.tag"), type: "search", attributes: { maxlength: 50, autocomplete: "off" } },
    {
      name: "status",
      label: t("gallery.status"),
      type: "select",
      options: [["", t("gallery.anyStatus")], ...statuses],
    },
    { name: "from", label: t("gallery.from"), type: "date" },
    { name: "to", label: t("gallery.to"), type: "date" },
  ].map((field) => buildField({ .../** @type {any} */ (field), value: value(field.name) }));
  const isOpen = ["tag", "status", "from", "to"].some((each) => value(each));
  const clear = h("button", { type: "reset", class: "plain" }, t("gallery.clear"));
  const form = h(
    "form",
    { class: "search", role: "search", "aria-label": t("gallery.search") },
    name,
    h("details", { open: isOpen }, h("summary", null, t("gallery.more")), h("div", { class: "more" }, more, clear)),
  );
  let last = searchOf(query);
  let timer = 0;
  const search = () => {
    clearTimeout(timer);
    const typed = new URLSearchParams(Object.entries(readForm(form)).map(([key, text]) => [key, text.trim()]));
    const now = searchOf(typed);
    if (now === last || !areDaysInOrder(form)) return;
    last = now;
    onSearch(new URLSearchParams(now));
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, PAUSE);
  });
  form.addEventListener("change", search);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    for (const input of form.querySelectorAll("input, select")) /** @type {HTMLInputElement} */ (input).value = "";
    search();
    form.querySelector("input")?.focus();
  });
  signal.addEventListener("abort", () => clearTimeout(timer));
  return form;
}

/** Says so where the last day is before the first one. @param {HTMLFormElement} form */
function areDaysInOrder(form) {
  const { from, to } = readForm(form);
  const isWrong = Boolean(from && to && to < from);
  const input = /** @type {HTMLInputElement} */ (form.elements.namedItem("to"));
  if (isWrong) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  byId(`${input.id}-error`).textContent = isWrong ? t("gallery.daysTurned") : "";
  return !isWrong;
}
