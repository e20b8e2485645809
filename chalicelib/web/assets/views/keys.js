/** The reader's API keys. */

import { h } from "../base/dom.js";
import { call } from "../app/api.js";
import { icon } from "../app/icons.js";
import { empty, later } from "../app/states.js";
import { t } from "../app/texts.js";
import { keyCard } from "../keys/card.js";
import { createForm } from "../keys/create.js";

/** @typedef {import("../keys/card.js").ApiKey} ApiKey */

/** @param {import("../app/views.js").Place} place */
export function show({ signal }) {
  /** @type {ApiKey[]} */
  let keys = [];
  const list = h("div", { class: "keys" });
  const form = h("div", null);
  const draw = () => {
    if (keys.length > 0) list.replaceChildren(...keys.map((key) => keyCard(key, revoked)));
    else list.replaceChildren(form.hasChildNodes() ? "" : empty("keys", t("keys.none"), t("keys.noneText")));
  };
  const revoked = (/** @type {ApiKey} */ key) => {
    keys = keys.filter((each) => each !== key);
    draw();
    add.focus();
  };
  const closed = () => {
    form.replaceChildren();
    draw();
    add.hidden = false;
    add.focus();
  };
  const created = (/** @type {ApiKey} */ key) => {
    // A request that was sent again gives the same key.
    keys = [key, ...keys.filter((each) => each.keyId !== key.keyId)];
    closed();
  };
  const open = () => {
    add.hidden = true;
    form.replaceChildren(createForm(created, closed));
    draw();
    form.querySelector("input")?.focus();
  };
  const add = h("button", { type: "button", class: "primary", onclick: open }, icon("keys"), t("keys.new"));
  const read = async () => {
    keys = (await call("GET", "keys", { signal })).items;
    draw();
    return list;
  };
  return h(
    "div",
    null,
    h("div", { class: "head" }, h("h1", null, t("keys.title")), add),
    h("p", { class: "soft intro" }, t("keys.lead"), " ", h("a", { href: "docs" }, t("keys.docs"))),
    form,
    later(read, signal),
  );
}
