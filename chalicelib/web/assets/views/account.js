/** The reader's account. */

import { erasureCard, profileCard, sessionsCard } from "../account/cards.js";
import { secondFactorCard } from "../account/second_factor.js";
import { webhookCard } from "../account/webhook.js";
import { session } from "../app/session.js";
import { later } from "../app/states.js";
import { t } from "../app/texts.js";
import { h } from "../base/dom.js";

/** @param {import("../app/views.js").Place} place */
export function show({ signal }) {
  const read = async () => {
    // The webhook's last error is as old as the profile.
    await session.readProfile();
    const profile = /** @type {import("../app/session.js").Profile} */ (session.profile);
    return h(
      "div",
      { class: "account" },
      h("div", null, profileCard(profile), secondFactorCard(profile)),
      h("div", null, webhookCard(profile), sessionsCard(), erasureCard(profile)),
    );
  };
  return h("div", null, h("div", { class: "head" }, h("h1", null, t("account.title"))), later(read, signal));
}
