/** Actions that the stage's external service does. */

import { buildForm } from "../app/forms.js";
import { call, idempotencyKeys } from "../app/api.js";
import { openDialog, toast } from "../app/notices.js";
import { t } from "../app/texts.js";
import { spell } from "./figures.js";

/** @param {string[]} types that the stage takes @param {() => void} done */
export function openCustomAction(types, done) {
  const keyOf = idempotencyKeys();
  const form = buildForm({
    fields: [
      {
        name: "actionType",
        label: t("custom.type"),
        type: "select",
        options: types.map((each) => /** @type {[string, string]} */ ([each, spell(each)])),
      },
      {
        name: "payload",
        label: t("custom.payload"),
        type: "textarea",
        value: "{}",
        hint: t("custom.payloadHint"),
        attributes: { rows: 6, class: "json", spellcheck: "false" },
      },
    ],
    submit: t("custom.submit"),
    send: async ({ actionType, payload }) => {
      const body = { actionType, payload: parse(payload) };
      const answer = await call("POST", "actions/custom", { body, idempotencyKey: keyOf(body) });
      dialog.close();
      toast(answer.message);
      done();
    },
  });
  const dialog = openDialog(t("actions.custom"), [form]);
}

/** @param {string} text */
function parse(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new Error(t("custom.noObject"));
  return value;
}
