/** What an action is, is about and has come to, in words. */

import { h } from "../base/dom.js";
import { days } from "../app/format.js";
import { t, textOf } from "../app/texts.js";
import { figureText, figureWord, spell } from "./figures.js";

/** @typedef {Record<string, any>} Action as the API shows it */

/** @param {Action} action */
export function titleOf({ actionType, metadata }) {
  if (actionType === "PROCESS_FILE") return textOf("processed", metadata.processingType) ?? t("action.process");
  if (actionType === "GENERATE_REPORT") {
    return t("action.report", { kind: textOf("report", metadata.reportType) ?? metadata.reportType });
  }
  return textOf("actionType", actionType) ?? spell(actionType);
}

/** What it is about, with a link where there is something to see. @param {Action} action @returns {Node | null} */
export function subjectOf({ actionType, metadata }) {
  if (actionType === "PROCESS_FILE") {
    const image = h("a", { href: `#/images/${encodeURIComponent(metadata.fileId)}` }, t("action.image"));
    return h("span", null, image, wishes(metadata.options));
  }
  if (actionType === "GENERATE_REPORT" && metadata.dateRange) return h("span", null, days(metadata.dateRange));
  if (actionType === "EXPORT_DATA" && metadata.dataTypes) {
    const what = metadata.dataTypes.map((/** @type {string} */ each) => textOf("export", each) ?? each).join(", ");
    const how = metadata.email ? t("exports.mailedTo", { email: metadata.email }) : "";
    return h("span", null, `${what} · ${String(metadata.format).toUpperCase()}`, how && ` · ${how}`);
  }
  return null;
}

/** @param {Record<string, unknown> | undefined} options */
function wishes(options) {
  return Object.entries(options ?? {}).map(([name, value]) => ` · ${textOf("option", name) ?? name} ${value}`);
}

const LOOKS = /** @type {Record<string, string>} */ ({ PENDING: "going", COMPLETED: "good", FAILED: "bad" });

/** @param {Action} action */
export function badgeOf({ status, progress }) {
  const done = status === "PENDING" && progress ? ` · ${t("action.progress", { count: progress })}` : "";
  return h("span", { class: `badge ${LOOKS[status] ?? ""}` }, (textOf("status", status) ?? spell(status)) + done);
}

/** Why it failed. @param {Action} action */
export function reasonOf({ reason }) {
  return reason && (textOf("error", reason.code) ?? reason.message ?? spell(reason.code));
}

/** What came of it beside files. @param {Action} action @returns {[string, string][]} */
export function factsOf({ result }) {
  const known = [...Object.entries(result.records ?? {}), ...Object.entries(result)];
  const plain = known.filter(([, value]) => ["number", "string", "boolean"].includes(typeof value));
  return plain.map(([name, value]) => [figureWord(name), figureText(name, value)]);
}
