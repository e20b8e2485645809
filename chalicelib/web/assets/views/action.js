/** One action: what was asked for, how it stands, and what came of it. */

import { h } from "../base/dom.js";
import { downloads } from "../actions/files.js";
import { badgeOf, factsOf, reasonOf, subjectOf, titleOf } from "../actions/words.js";
import { call, path } from "../app/api.js";
import { duration, time } from "../app/format.js";
import { icon } from "../app/icons.js";
import { follow } from "../app/poller.js";
import { failure, later } from "../app/states.js";
import { t } from "../app/texts.js";

/** @param {import("../app/views.js").Place} place */
export function show({ params, signal }) {
  const { actionId } = params;
  const read = async () => {
    const { action } = await call("GET", path`actions/${actionId}`, { signal });
    const place = h("div", null, contents(action));
    if (action.status === "PENDING") {
      follow("actions", actionId, (next) => place.replaceChildren(...(next ? contents(next) : [gone()])), signal);
    }
    return place;
  };
  const back = h("a", { href: "#/actions", class: "button plain" }, icon("back"), t("nav.actions"));
  return h("div", null, h("div", { class: "head" }, h("h1", null, t("action.title")), back), later(read, signal));
}

function gone() {
  return failure(new Error(t("action.gone")));
}

/** @param {import("../actions/words.js").Action} action @returns {Node[]} */
function contents(action) {
  const reason = reasonOf(action);
  const isUnderWay = action.status === "PENDING";
  const links = downloads(action);
  return [
    h(
      "section",
      { class: "card" },
      h("div", { class: "pair" }, h("h2", null, titleOf(action)), badgeOf(action)),
      isUnderWay && h("progress", { "aria-label": t("action.underWay") }),
      reason && h("p", { class: "note bad" }, reason),
      facts([
        [t("action.about"), subjectOf(action)],
        [t("action.begun"), time(action.createdAt)],
        [t("action.ended"), action.completedAt && ended(action)],
        [t("action.external"), action.externalStatus],
        [t("action.id"), h("code", null, action.actionId)],
      ]),
      links.length > 0 && h("p", { class: "actions" }, links, reportLink(action)),
    ),
    ...came(action),
  ];
}

/** @param {Record<string, any>} action */
function ended({ createdAt, completedAt }) {
  const took = Date.parse(completedAt) - Date.parse(createdAt);
  return t("action.after", { time: time(completedAt), duration: duration(Math.max(took, 0)) });
}

/** @param {Record<string, any>} action */
function reportLink({ actionType, actionId, files }) {
  const isShown = actionType === "GENERATE_REPORT" && files.some((/** @type {any} */ each) => each.format === "json");
  const address = `#/reports/${encodeURIComponent(actionId)}`;
  return isShown && h("a", { href: address, class: "button" }, icon("reports"), t("reports.show"));
}

/** @param {import("../actions/words.js").Action} action */
function came(action) {
  const known = factsOf(action);
  return known.length > 0 ? [h("section", { class: "card" }, h("h2", null, t("action.came")), facts(known))] : [];
}

/** @param {[string, Node | string | null | undefined][]} pairs */
function facts(pairs) {
  const shown = pairs.filter(([, value]) => value);
  return h("dl", { class: "facts" }, shown.map(([name, value]) => [h("dt", null, name), h("dd", null, value)]).flat());
}
