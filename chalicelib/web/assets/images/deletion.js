/**
 * Deleting images with some seconds to undo it. Until they are over nothing is sent: a page that is closed or loaded
 * again within them deletes nothing, and the sentence at the edge of the page says so.
 */

import { ApiError, call, path } from "../app/api.js";
import { toast } from "../app/notices.js";
import { explain } from "../app/states.js";
import { t } from "../app/texts.js";

const SECONDS = 8;
const AT_ONCE = 4;

/** @type {Set<string>} */
const beingDeleted = new Set();

/** Events: `changed` when images go or come back; `deleted` (detail: the id) when the API has deleted one. */
export const deletions = new EventTarget();

/** @param {string} imageId */
export function isBeingDeleted(imageId) {
  return beingDeleted.has(imageId);
}

/** Takes images away, and deletes them when the seconds are over. @param {string[]} imageIds */
export function deleteLater(imageIds) {
  for (const id of imageIds) beingDeleted.add(id);
  const text = t("images.deleted", { count: imageIds.length });
  toast(text, {
    action: t("action.undo"),
    run: () => bringBack(imageIds),
    seconds: SECONDS,
    onGone: () => send(imageIds),
  });
  deletions.dispatchEvent(new Event("changed"));
}

/** @param {string[]} imageIds */
function bringBack(imageIds) {
  for (const id of imageIds) beingDeleted.delete(id);
  deletions.dispatchEvent(new Event("changed"));
}

/** @param {string[]} imageIds */
async function send(imageIds) {
  const waiting = [...imageIds];
  /** @type {string[]} */
  const refused = [];
  /** @type {unknown} */
  let reason = null;
  const work = async () => {
    for (let id = waiting.shift(); id; id = waiting.shift()) {
      try {
        await deleteOne(id);
        deletions.dispatchEvent(new CustomEvent("deleted", { detail: id }));
        beingDeleted.delete(id);
      } catch (error) {
        refused.push(id);
        reason = error;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  if (refused.length === 0) return;
  bringBack(refused);
  const why = { count: refused.length, reason: explain(reason) };
  toast(t("images.notDeleted", why), {
    isBad: true,
    seconds: 20,
    action: t("error.again"),
    run: () => deleteLater(refused),
  });
}

/** Where the limit of a minute is reached, it goes on after it. @param {string} imageId @returns {Promise<void>} */
async function deleteOne(imageId) {
  try {
    await call("DELETE", path`images/${imageId}`);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // Somebody else deleted it.
    if (error.code === "IMAGE_NOT_FOUND") return;
    if (error.status !== 429 || !error.retryAfter) throw error;
    await new Promise((resolve) => setTimeout(resolve, Number(error.retryAfter) * 1000));
    await deleteOne(imageId);
  }
}
