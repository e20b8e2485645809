/** Forms: fields with labels, and the failure of sending one shown where it happened. What was typed always stays. */

import { announce, h } from "../base/dom.js";
import { ApiError } from "./api.js";
import { explain } from "./states.js";
import { t } from "./texts.js";

/**
 * @typedef {object} Field
 * @property {string} name as the API calls it: an error's detail about it, or a part of it (`tags.0`), is shown here
 * @property {string} label
 * @property {string} [type] of an input; or `textarea`, `select`, `checkbox`, `choices` (several boxes)
 * @property {string} [hint]
 * @property {string | number | boolean | string[]} [value]
 * @property {[string, string][]} [options] of a select or of choices: value and text
 * @property {Record<string, any>} [attributes] further ones of the input
 */
/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Input */
/** @typedef {Record<string, any>} Typed what stands in the fields: a boolean, a list of choices, else a text */

/** Something in one field is wrong, as `send` finds it. */
export class FieldError extends Error {
  /** @param {string} field @param {string} message */
  constructor(field, message) {
    super(message);
    this.field = field;
  }
}

/**
 * A form. `send` gets what was typed; what it throws is shown in the form.
 * @param {object} options
 * @param {(Field | Node)[]} options.fields
 * @param {string} options.submit the button's text
 * @param {(typed: Typed) => Promise<unknown> | unknown} options.send
 * @param {(Node | null | false | undefined)[]} [options.actions] beside the button
 * @param {Record<string, string>} [options.places] the field at which an error of the API is shown, by its code
 * @param {string} [options.class]
 * @param {boolean} [options.isDangerous]
 * @param {boolean} [options.isQuiet] its button is not the view's leading one
 * @returns {HTMLFormElement}
 */
export function buildForm(options) {
  const { fields, submit, send, actions = [], places = {}, class: name = "" } = options;
  const note = h("div", { class: "note bad", role: "alert", hidden: true });
  const button = h("button", { class: options.isDangerous ? "danger" : !options.isQuiet && "primary" }, submit);
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
      showError(form, note, button, placed(error, places));
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
  if (type === "choices") {
    const boxes = options.map(([each, text]) => {
      const isChosen = Array.isArray(value) && value.includes(each);
      const box = h("input", { ...attributes, type: "checkbox", name, value: each, checked: isChosen });
      return h("label", { class: "choice" }, box, h("span", null, text));
    });
    const group = { class: "field choices", "aria-describedby": described, "data-choices": name };
    return h("fieldset", group, h("legend", null, label), boxes, said, error);
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
    if (element.closest("fieldset.choices")) {
      typed[element.name] ??= [];
      if (isBox && element.checked) typed[element.name].push(element.value);
    } else {
      typed[element.name] = isBox ? element.checked : element.value;
    }
  }
  return typed;
}

/** Those that are shown: what a form hides is not asked for. @param {HTMLFormElement} form @returns {Input[]} */
function inputs(form) {
  const all = /** @type {Input[]} */ ([...form.querySelectorAll("input, select, textarea")]);
  return all.filter((element) => !form.contains(element.closest("[hidden]")));
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
  const group = element.closest("fieldset.choices");
  const place = group ? group.querySelector(".field-error") : document.getElementById(`${element.id}-error`);
  if (place) place.textContent = text;
}

/** An error that belongs to one field, as one. @param {unknown} error @param {Record<string, string>} places */
function placed(error, places) {
  const field = error instanceof ApiError && places[error.code];
  return field ? new FieldError(field, explain(error)) : error;
}

/** What is wrong with which field. @param {unknown} error @returns {{field?: string, message?: string}[]} */
function detailsOf(error) {
  if (error instanceof FieldError) return [error];
  return error instanceof ApiError ? error.details : [];
}

/** The API's "must be …", which follows the field's name, as a sentence. @param {string} text */
function asSentence(text) {
  return text && text[0].toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? "" : ".");
}

/** @param {HTMLFormElement} form @param {HTMLElement} note @param {HTMLButtonElement} button @param {unknown} error */
function showError(form, note, button, error) {
  const details = detailsOf(error);
  const marked = details.filter(({ field, message }) => {
    const names = [field, ...(field?.split(".") ?? [])];
    const element = inputs(form).find((each) => each.name && names.includes(each.name));
    if (element) mark(element, asSentence(message ?? ""));
    return element;
  });
  if (marked.length > 0 && marked.length === details.length) {
    inputs(form)
      .find((element) => element.getAttribute("aria-invalid"))
      ?.focus();
    announce(details.map(({ message }) => asSentence(message ?? "")).join(" "));
    return;
  }
  note.textContent = explain(error);
  note.hidden = false;
  if (error instanceof ApiError && error.status === 429 && error.retryAfter) countDown(note, button, error);
}

/** Says how long it is until it may be tried again. @param {HTMLElement} note
 * @param {HTMLButtonElement} button @param {ApiError} error */
function countDown(note, button, error) {
  // The seconds are not read out one by one.
  const left = h("span", { "aria-hidden": "true" });
  note.replaceChildren(explain(error), " ", left);
  button.disabled = true;
  tick(Date.now() + Number(error.retryAfter) * 1000, (seconds) => {
    if (seconds > 0) {
      left.textContent = sayWait(seconds);
    } else {
      button.disabled = false;
      note.hidden = true;
    }
  });
}

/**
 * Tells how many seconds are left until a moment, and at last 0.
 * @param {number} until milliseconds since 1970 @param {(seconds: number) => void} show
 */
export function tick(until, show) {
  const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000));
  show(seconds);
  if (seconds > 0) setTimeout(() => tick(until, show), 250);
}

/** @param {number} seconds */
function sayWait(seconds) {
  if (seconds > 90) return t("error.waitMinutes", { count: Math.ceil(seconds / 60) });
  return t("error.wait", { count: seconds });
}
