/** All actions of the reader, newest first. */

import { h } from "../base/dom.js";
import { actionList } from "../actions/list.js";
import { openCustomAction } from "../actions/custom.js";
import { spell } from "../actions/figures.js";
import { filtered } from "../app/filters.js";
import { empty } from "../app/states.js";
import { t, textOf } from "../app/texts.js";

const STATES = ["PENDING", "COMPLETED", "FAILED"];
const TYPES = ["PROCESS_FILE", "EXPORT_DATA", "GENERATE_REPORT"];

/** @param {import("../app/views.js").Place} place */
export function show({ query, signal }) {
  const custom = h("button", { type: "button", hidden: true }, t("actions.custom"));
  /** @param {{customTypes: string[]}} answer */
  const learn = ({ customTypes }) => {
    custom.hidden = customTypes.length === 0;
    custom.onclick = () => openCustomAction(customTypes, list.again);
    const select = /** @type {HTMLSelectElement} */ (list.node.querySelector("select[name='actionType']"));
    const known = [...select.options].map(({ value }) => value);
    const others = customTypes.filter((each) => !known.includes(each));
    select.append(...others.map((each) => h("option", { value: each }, spell(each))));
  };
  const type = query.get("actionType") ?? "";
  const types = [...TYPES, ...(type && !TYPES.includes(type) ? [type] : [])];
  const fields = [
    {
      name: "status",
      label: t("actions.status"),
      type: "select",
      value: query.get("status") ?? "",
      options: choices(STATES, (each) => textOf("status", each) ?? each),
    },
    {
      name: "actionType",
      label: t("actions.type"),
      type: "select",
      value: type,
      options: choices(types, (each) => textOf("actionType", each) ?? spell(each)),
    },
  ];
  const list = filtered({
    address: "actions",
    fields,
    signal,
    build: (chosen, left) =>
      actionList({
        label: t("nav.actions"),
        query: chosen,
        none: () => none(chosen.status || chosen.actionType),
        onAnswer: learn,
        signal: left,
      }),
  });
  return h("div", null, h("div", { class: "head" }, h("h1", null, t("nav.actions")), custom), list.node);
}

/** @param {string[]} codes @param {(code: string) => string} word @returns {[string, string][]} */
function choices(codes, word) {
  return [["", t("filter.all")], ...codes.map((code) => /** @type {[string, string]} */ ([code, word(code)]))];
}

/** @param {string} isFiltered */
function none(isFiltered) {
  return isFiltered
    ? empty("search", t("filter.none"), t("filter.noneText"))
    : empty("actions", t("actions.none"), t("actions.noneText"));
}
