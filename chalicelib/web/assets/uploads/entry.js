/** What a photo of the queue may do next, and its key. */

/** @typedef {import("./store.js").Entry} Entry */

/** The states in which nothing goes on without the reader. */
export const NEEDS_READER = new Set(["refused", "failed", "gone"]);
const OUR_FAULT = new Set(["processing_failed", "stuck"]);

/** Whether another try may end better. @param {Entry} entry */
export function canRetry({ state, isStored, reason }) {
  return (state === "refused" && isStored) || (state === "failed" && OUR_FAULT.has(reason?.code ?? ""));
}

/** A new Idempotency-Key: with it the server makes another image. */
export function newKey() {
  return { key: crypto.randomUUID(), keyAt: Date.now(), imageId: null };
}

/** The key of the next try, after a refusal. @param {string | undefined} code */
export function keyAfter(code) {
  // The image was deleted: the key would lead to it again.
  if (code === "IMAGE_NOT_FOUND") return newKey();
  // The key is of no use any more; whether the image has arrived is asked first.
  return code === "IDEMPOTENCY_KEY_REUSED" ? { keyAt: 0 } : {};
}
