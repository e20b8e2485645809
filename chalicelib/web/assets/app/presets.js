/** The stage's presets, and the one for photos that are added from now on, until the page is left. */

import { h } from "../base/dom.js";
import { call } from "./api.js";
import { buildField } from "./forms.js";
import { t, textOf } from "./texts.js";

/** @typedef {{name: string, description: string}} Preset */

const DEFAULT = "default";

/** @type {Promise<Preset[]> | null} */
let read = null;
let chosen = DEFAULT;

/** All presets, `default` first; none where they cannot be read. @returns {Promise<Preset[]>} */
function presets() {
  read ??= call("GET", "presets").then(
    (answer) => answer.presets,
    () => {
      // The next view asks again.
      read = null;
      return [];
    },
  );
  return read;
}

/** What an upload says about its preset: nothing where it is the default one. @returns {{preset?: string}} */
export function chosenPreset() {
  return chosen === DEFAULT ? {} : { preset: chosen };
}

/** A preset's name for readers. @param {string} name */
export function presetName(name) {
  return textOf("preset", name) ?? name;
}

/** The choice for what is added from now on; hidden where there is none to choose. */
export function presetChoice() {
  const place = h("div", { class: "preset-choice", hidden: true });
  presets().then((all) => {
    if (all.length < 2) return;
    if (!all.some(({ name }) => name === chosen)) chosen = DEFAULT;
    const field = buildSelect(all, t("presets.choose"), chosen);
    const said = h("p", { class: "small soft" });
    const show = () => {
      chosen = field.input.value;
      said.textContent = descriptionOf(all, chosen);
    };
    field.input.addEventListener("change", show);
    show();
    place.append(field.element, said);
    place.hidden = false;
  });
  return place;
}

/** A choice for one image, whose first option is to keep the preset; null where there is none to choose.
 * @returns {Promise<{element: HTMLElement, input: HTMLSelectElement} | null>} */
export async function otherPreset() {
  const all = await presets();
  if (all.length < 2) return null;
  return buildSelect([{ name: "", description: "" }, ...all], t("presets.other"), "");
}

/** @param {Preset[]} all @param {string} label @param {string} value */
function buildSelect(all, label, value) {
  const textFor = (/** @type {string} */ name) => (name ? presetName(name) : t("presets.same"));
  const options = all.map(({ name }) => /** @type {[string, string]} */ ([name, textFor(name)]));
  const element = buildField({ name: "preset", label, type: "select", value, options });
  return { element, input: /** @type {HTMLSelectElement} */ (element.querySelector("select")) };
}

/** The words of the default one are the page's own. @param {Preset[]} all @param {string} name */
function descriptionOf(all, name) {
  return name === DEFAULT ? t("presets.defaultText") : (all.find((each) => each.name === name)?.description ?? "");
}
