/** How the stage is, for administrators: dependencies, jobs, queues, and what failed for good. */

import { h } from "../base/dom.js";
import { call } from "../app/api.js";
import { ago } from "../app/format.js";
import { refreshed } from "../app/refresh.js";
import { t, textOf } from "../app/texts.js";
import { deadLetters, dependencies, jobs, queues, statusBadge } from "../health/parts.js";

const SECONDS = 30;

/** @param {import("../app/views.js").Place} place */
export function show({ signal }) {
  const content = refreshed(async () => parts(await call("GET", "admin/health", { signal })), SECONDS, signal);
  const again = h("button", { type: "button", onclick: content.now }, t("health.again"));
  return h("div", null, h("div", { class: "head" }, h("h1", null, t("nav.health")), again), content.node);
}

/** @param {any} health */
function parts(health) {
  const { status, version, stage, checkedAt, since } = health;
  const facts = [
    t("health.stage", { stage, version }),
    checkedAt && t("health.checked", { when: ago(checkedAt) }),
    since && t("health.since", { when: ago(since) }),
  ];
  const overall = h(
    "section",
    { class: "card overall" },
    h(
      "p",
      { class: "pair" },
      h("strong", null, checkedAt ? textOf("health", status) : t("health.unchecked")),
      statusBadge(status),
    ),
    h("p", { class: "small soft" }, facts.filter(Boolean).join(" · ")),
  );
  return [
    overall,
    deadLetters(health.deadLetterQueues),
    dependencies(health.dependencies),
    jobs(health.jobs),
    queues(health.queues),
  ];
}
