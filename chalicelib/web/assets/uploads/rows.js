/** A photo of the queue as a row: its picture, its name, what it does, and what can be done to it. */

import { h } from "../base/dom.js";
import { bytes } from "../app/format.js";
import { icon } from "../app/icons.js";
import { toast } from "../app/notices.js";
import { explain } from "../app/states.js";
import { t } from "../app/texts.js";
import { canRetry } from "./entry.js";
import { queue } from "./queue.js";
import { showPlaceholder, thumbnail } from "./thumbnails.js";
import { sayState } from "./words.js";

/** @typedef {import("./store.js").Entry} Entry */

/** @param {Entry} entry @returns {import("./window.js").Row<Entry>} */
export function buildRow(entry) {
  const { id, announcement } = entry;
  const leaving = new AbortController();
  const picture = thumbnail(entry, leaving.signal);
  const badge = h("span", { class: "badge" });
  const said = h("p", { class: "state" }, badge);
  const bar = h("progress", {
    max: 1,
    hidden: true,
    "aria-label": t("uploads.progressOf", { name: announcement.fileName }),
  });
  const actions = h("div", { class: "actions" });
  // A name may be of any script and hold signs that turn the direction: it does so in itself alone.
  const name = h("bdi", { class: "name", title: announcement.fileName }, announcement.fileName);
  const size = announcement.fileSize > 0 && h("span", { class: "small soft number" }, bytes(announcement.fileSize));
  const element = h(
    "li",
    null,
    picture,
    h("div", { class: "what" }, h("p", { class: "line" }, name, size), said, bar),
    actions,
  );
  let before = "";
  let drawnState = "";
  const update = (/** @type {Entry} */ now) => {
    const state = sayState(now);
    const loaded = queue.loaded.get(id);
    bar.hidden = now.state !== "waiting" || loaded === undefined;
    bar.value = (loaded ?? 0) / Math.max(1, announcement.fileSize);
    if (now.state === "done") showPlaceholder(picture, now);
    if (before !== state.text) {
      before = state.text;
      badge.className = `badge ${state.tone}`;
      badge.replaceChildren(icon(state.icon), h("span", null, state.text));
    }
    if (drawnState !== now.state) {
      drawnState = now.state;
      drawActions(actions, now);
    }
  };
  return { element, update, end: () => leaving.abort() };
}

/** @param {HTMLElement} place @param {Entry} entry */
function drawActions(place, entry) {
  const { id, state, imageId, announcement } = entry;
  const hadFocus = place.contains(document.activeElement);
  const name = announcement.fileName;
  const button = (
    /** @type {import("../app/icons.js").Icon} */ picture,
    /** @type {string} */ label,
    /** @type {() => unknown} */ act,
  ) =>
    h(
      "button",
      { type: "button", class: "plain round", "aria-label": label, title: label, onclick: act },
      icon(picture),
    );
  place.replaceChildren(
    ...[
      state === "waiting" && button("pause", t("uploads.pauseOne", { name }), () => queue.pause(id)),
      state === "paused" && button("play", t("uploads.resumeOne", { name }), () => queue.resume(id)),
      canRetry(entry) && button("retry", t("uploads.retryOne", { name }), () => retryOne(entry)),
      imageId && (state === "done" || state === "failed") && openLink(imageId, name),
      button("close", t("uploads.removeOne", { name }), () => queue.remove([id])),
    ].filter((each) => each instanceof Node),
  );
  // The button that was pressed has become another one.
  if (hadFocus) /** @type {HTMLElement | null} */ (place.firstElementChild)?.focus();
}

/** @param {Entry} entry */
function retryOne(entry) {
  return queue.retry(entry).catch((error) => void toast(explain(error), { isBad: true }));
}

/** @param {string} imageId @param {string} name */
function openLink(imageId, name) {
  const label = t("uploads.openOne", { name });
  const attributes = { href: `#/images/${encodeURIComponent(imageId)}`, class: "button plain round" };
  return h("a", { ...attributes, "aria-label": label, title: label }, icon("next"));
}
