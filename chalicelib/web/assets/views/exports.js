/** The reader's data, to take away: a form that begins an export, and the exports so far. */

import { h } from "../base/dom.js";
import { actionList } from "../actions/list.js";
import { call, idempotencyKeys } from "../app/api.js";
import { FieldError, buildField, buildForm } from "../app/forms.js";
import { toast } from "../app/notices.js";
import { session } from "../app/session.js";
import { empty, failure } from "../app/states.js";
import { t } from "../app/texts.js";

const KINDS = /** @type {[string, string][]} */ ([
  ["profile", t("export.profile")],
  ["activities", t("export.activities")],
  ["files", t("export.files")],
]);
const FORMATS = /** @type {[string, string][]} */ ([
  ["json", t("exports.json")],
  ["csv", t("exports.csv")],
  ["pdf", t("exports.pdf")],
]);

/** @param {import("../app/views.js").Place} place */
export function show({ signal }) {
  const list = h("div", null, exportsSoFar(signal));
  const begun = () => list.replaceChildren(exportsSoFar(signal));
  const place = h("div");
  const showForm = () =>
    place.replaceChildren(
      session.profile?.canExportData ? h("section", { class: "card" }, exportForm(begun)) : noRight(showForm),
    );
  showForm();
  return h("div", null, h("div", { class: "head" }, h("h1", null, t("nav.exports"))), place, list);
}

/** @param {AbortSignal} signal */
function exportsSoFar(signal) {
  return actionList({
    label: t("exports.list"),
    query: { actionType: "EXPORT_DATA" },
    none: () => empty("exports", t("exports.none"), t("exports.noneText")),
    signal,
  });
}

/** An administrator has not given the right, or not yet. @param {() => void} again */
function noRight(again) {
  const ask = async () => {
    try {
      await session.readProfile();
      again();
    } catch (error) {
      note.replaceWith(failure(error, again));
    }
  };
  const note = h(
    "div",
    { class: "note" },
    h("h2", null, t("exports.noRight")),
    h("p", null, t("exports.noRightText")),
    h("button", { type: "button", onclick: ask }, t("exports.askAgain")),
  );
  return note;
}

/** @param {() => void} begun */
function exportForm(begun) {
  let keyOf = idempotencyKeys();
  const form = buildForm({
    fields: [
      {
        name: "dataTypes",
        label: t("exports.what"),
        type: "choices",
        options: KINDS,
        value: KINDS.map(([kind]) => kind),
      },
      { name: "format", label: t("exports.format"), type: "select", options: FORMATS },
      ...deliveryFields(),
    ],
    submit: t("exports.begin"),
    places: { EMAIL_NOT_ALLOWED: "email", EMAIL_NOT_OFFERED: "delivery" },
    send: async ({ dataTypes, format, email }) => {
      if (dataTypes.length === 0) throw new FieldError("dataTypes", t("exports.nothing"));
      const body = { dataTypes, format, ...(email && { email }) };
      const answer = await call("POST", "actions/export", { body, idempotencyKey: keyOf(body) });
      keyOf = idempotencyKeys();
      toast(answer.estimatedTime ? t("exports.soon", { time: answer.estimatedTime }) : answer.message);
      begun();
    },
  });
  return form;
}

function deliveryFields() {
  const options = /** @type {[string, string][]} */ ([
    ["download", t("exports.download")],
    ["email", t("exports.email")],
  ]);
  const how = buildField({ name: "delivery", label: t("exports.delivery"), type: "select", options });
  const address = buildField({
    name: "email",
    label: t("field.email"),
    type: "email",
    value: session.profile?.email,
    hint: t("exports.emailHint"),
    attributes: { required: true, autocomplete: "email" },
  });
  const choice = /** @type {HTMLSelectElement} */ (how.querySelector("select"));
  const show = () => (address.hidden = choice.value !== "email");
  choice.addEventListener("change", show);
  show();
  return [how, address];
}
