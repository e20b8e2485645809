/** Reports for administrators: a form that makes one, and the reports so far. */

import { h } from "../base/dom.js";
import { actionList } from "../actions/list.js";
import { call, idempotencyKeys } from "../app/api.js";
import { buildField, buildForm } from "../app/forms.js";
import { toast } from "../app/notices.js";
import { chosenPeriod, periodFields } from "../app/period.js";
import { empty } from "../app/states.js";
import { t } from "../app/texts.js";

const KINDS = /** @type {[string, string][]} */ ([
  ["summary", t("report.summary")],
  ["usage", t("report.usage")],
  ["analytics", t("report.analytics")],
]);
const FORMATS = /** @type {[string, string][]} */ ([
  ["html", "HTML"],
  ["pdf", "PDF"],
  ["csv", "CSV"],
  ["json", "JSON"],
]);

/** @param {import("../app/views.js").Place} place */
export function show({ signal }) {
  const list = h("div", null, reportsSoFar(signal));
  const form = reportForm(() => list.replaceChildren(reportsSoFar(signal)));
  const head = h("div", { class: "head" }, h("h1", null, t("nav.reports")));
  return h("div", null, head, h("section", { class: "card" }, form), list);
}

/** @param {AbortSignal} signal */
function reportsSoFar(signal) {
  return actionList({
    label: t("reports.list"),
    query: { actionType: "GENERATE_REPORT" },
    none: () => empty("reports", t("reports.none"), t("reports.noneText")),
    address: ({ actionId, status }) => `#/${status === "COMPLETED" ? "reports" : "actions"}/${actionId}`,
    signal,
  });
}

/** @param {() => void} begun */
function reportForm(begun) {
  let keyOf = idempotencyKeys();
  return buildForm({
    fields: [
      { name: "reportType", label: t("reports.kind"), type: "select", options: KINDS },
      ...periodFields(),
      {
        name: "formats",
        label: t("reports.formats"),
        type: "choices",
        options: FORMATS,
        value: FORMATS.map(([each]) => each),
      },
      filterFields(),
    ],
    class: "report-form",
    submit: t("reports.make"),
    send: async (typed) => {
      const body = bodyOf(typed);
      const answer = await call("POST", "actions/report", { body, idempotencyKey: keyOf(body) });
      keyOf = idempotencyKeys();
      toast(answer.estimatedTime ? t("exports.soon", { time: answer.estimatedTime }) : answer.message);
      begun();
    },
  });
}

function filterFields() {
  return h(
    "details",
    { class: "field" },
    h("summary", null, t("reports.filters")),
    buildField({ name: "filters.userId", label: t("usage.oneUser"), hint: t("usage.userHint") }),
    buildField({ name: "filters.operation", label: t("reports.operation"), hint: t("reports.operationHint") }),
    buildField({ name: "filters.includeInactive", label: t("reports.idleDays"), type: "checkbox" }),
  );
}

/** @param {Record<string, any>} typed */
function bodyOf(typed) {
  const [userId, operation] = [typed["filters.userId"].trim(), typed["filters.operation"].trim()];
  const filters = {
    ...(userId && { userId }),
    ...(operation && { operation }),
    ...(typed["filters.includeInactive"] && { includeInactive: true }),
  };
  return {
    reportType: typed.reportType,
    dateRange: chosenPeriod(typed),
    filters,
    // JSON is always made: the page draws it.
    formats: typed.formats.length > 0 ? typed.formats : ["json"],
  };
}
