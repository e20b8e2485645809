/** Forms: fields with labels, and the failure of sending one shown where it happened. What was typed always stays. */

import { announce, h } from "../shared/dom.js";
import { ApiError } from "./api.js";
import { explain } from "./states.js";
import { t } from "./texts.js";

/**
 * @typedef {object} Field
 * @property {string} name as the API calls it: an error's detail about that name is shown here
 * @property {string} label
 * @property {string} [type] of an input; or `textarea`, `select`, `checkbox`
 * @property {string} [hint]
 * @property {string | number | boolean} [value]
 * @property {[string, string][]} [options] of a select: value and text
 * @property {Record<string, any>} [attributes] further ones of the input
 */
/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Input */
/** @typedef {Record<string, any>} Typed what stands in the fields: a boolean of a checkbox, else a text */

/**
 * A form. `send` gets what was typed; what it throws is shown in the form.
 * @param {object} options
 * @param {(Field | Node)[]} options.fields
 * @param {string} options.submit the button's text
 * @param {(typed: Typed) => Promise<unknown> | unknown} options.send
 * @param {(Node | null | false | undefined)[]} [options.actions] beside the button
 * @param {string} [options.class]
 * @param {boolean} [options.isDangerous]
 * @returns {HTMLFormElement}
 */
export function buildForm({ fields, submit, send, actions = [], class: name = "", isDangerous = false }) {
  const note = h("div", { class: "note bad", role: "alert", hidden: true });
  const button = h("button", { class: isDangerous ? "danger" : "primary" }, submit);
  const rows = fields.map((field) => (field instanceof Node ? field : buildField(field)));
  const end = h("p", { class: "actions" }, button, actions);
  const form = h("form", { class: `form ${name}`, novalidate: true }, rows, note, end);
  /** @param {Event} event */
  const submitted = async (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-busy")) return;
    clear(form, note);
    if (!checkFields(form)) return;
    button.setAttribute("aria-busy", "true");
    try {
      await send(readForm(form));
    } catch (error) {
      showError(form, note, button, error);
    } finally {
      button.removeAttribute("aria-busy");
    }
  };
  form.addEventListener("submit", submitted);
  return form;
}

let fieldsMade = 0;

/** A labelled input with places for its hint and its error. @param {Field} field @returns {HTMLElement} */
export function buildField({ name, label, type = "text", hint, value, options = [], attributes = {} }) {
  const id = `field-${++fieldsMade}`;
  const described = [hint && `${id}-hint`, `${id}-error`].filter(Boolean).join(" ");
  const shared = { id, name, "aria-describedby": described, ...attributes };
  const error = h("p", { id: `${id}-error`, class: "field-error" });
  const said = hint && h("p", { id: `${id}-hint`, class: "hint" }, hint);
  if (type === "checkbox") {
    const box = h("input", { ...shared, type, checked: Boolean(value) });
    return h("div", { class: "field check" }, h("label", { for: id }, box, h("span", null, label)), said, error);
  }
  const input = buildInput(type, shared, value, options);
  return h("div", { class: "field" }, h("label", { for: id }, label), input, said, error);
}

/** @param {string} type @param {Record<string, any>} shared @param {any} value @param {[string, string][]} options */
function buildInput(type, shared, value, options) {
  if (type === "select") {
    const choices = options.map(([each, text]) => h("option", { value: each, selected: each === String(value) }, text));
    return h("select", shared, choices);
  }
  if (type === "textarea") return h("textarea", { rows: 3, ...shared }, value);
  return h("input", { ...shared, type, value });
}

/** What stands in a form's fields. @param {HTMLFormElement} form @returns {Typed} */
export function readForm(form) {
  /** @type {Typed} */
  const typed = {};
  for (const element of inputs(form)) {
    if (!element.name) continue;
    const isBox = element instanceof HTMLInputElement && element.type === "checkbox";
    typed[element.name] = isBox ? element.checked : element.value;
  }
  return typed;
}

/** @param {HTMLFormElement} form @returns {Input[]} */
function inputs(form) {
  return /** @type {Input[]} */ ([...form.querySelectorAll("input, select, textarea")]);
}

/** @param {HTMLFormElement} form @param {HTMLElement} note */
function clear(form, note) {
  note.hidden = true;
  for (const element of inputs(form)) mark(element, "");
}

/** Shows what the browser itself finds wrong, like a field that is empty. @param {HTMLFormElement} form */
function checkFields(form) {
  const wrong = inputs(form).filter((element) => !element.validity.valid);
  for (const element of wrong) {
    mark(element, element.validity.valueMissing ? t("error.required") : element.validationMessage);
  }
  wrong[0]?.focus();
  return wrong.length === 0;
}

/** @param {Input} element @param {string} text */
function mark(element, text) {
  if (text) element.setAttribute("aria-invalid", "true");
  else element.removeAttribute("aria-invalid");
  const place = document.getElementById(`${element.id}-error`);
  if (place) place.textContent = text;
}

/** @param {HTMLFormElement} form @param {HTMLElement} note @param {HTMLButtonElement} button @param {unknown} error */
function showError(form, note, button, error) {
  const details = error instanceof ApiError ? error.details : [];
  const marked = details.filter(({ field, message }) => {
    const element = inputs(form).find((each) => each.name && each.name === field);
    if (element) mark(element, message ?? "");
    return element;
  });
  if (marked.length > 0 && marked.length === details.length) {
    inputs(form)
      .find((element) => element.getAttribute("aria-invalid"))
      ?.focus();
    announce(details.map(({ message }) => message).join(" "));
    return;
  }
  note.textContent = explain(error);
  note.hidden = false;
  if (error instanceof ApiError && error.status === 429 && error.retryAfter) countDown(note, button, error);
}

/** Says how many seconds are left until it may be tried again. @param {HTMLElement} note
 * @param {HTMLButtonElement} button @param {ApiError} error */
function countDown(note, button, error) {
  const until = Date.now() + Number(error.retryAfter) * 1000;
  // The seconds are not read out one by one.
  const left = h("span", { "aria-hidden": "true" });
  note.replaceChildren(explain(error), " ", left);
  button.disabled = true;
  const tick = () => {
    const seconds = Math.ceil((until - Date.now()) / 1000);
    if (seconds > 0) {
      left.textContent = t("error.wait", { count: seconds });
      setTimeout(tick, 250);
    } else {
      button.disabled = false;
      note.hidden = true;
    }
  };
  tick();
}
