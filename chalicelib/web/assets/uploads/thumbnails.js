/** Small pictures of the queue's photos, made one after the other and kept for a while. */

import { h } from "../base/dom.js";
import { icon } from "../app/icons.js";
import { readFile } from "./store.js";

const EDGE = 96;
// Of 36 KB each.
const MOST = 300;
// Larger files are decoded as a whole, and take too much memory for a small picture.
const LARGEST = 40_000_000;

/** @type {Map<number, ImageBitmap | null>} null: the browser cannot show it */
const made = new Map();
/** One at a time: a decoded photo takes fifty megabytes. */
let making = Promise.resolve();

/**
 * A place with the photo's picture, or an icon where the browser has none.
 * @param {import("./store.js").Entry} entry @param {AbortSignal} signal ends the wait
 */
export function thumbnail(entry, signal) {
  const place = h("span", { class: "thumb", "aria-hidden": "true" }, icon("images"));
  const kept = made.get(entry.id);
  if (kept) place.replaceChildren(drawn(kept));
  else if (entry.placeholder) showPlaceholder(place, entry);
  else if (entry.isStored && kept === undefined) queueMaking(place, entry, signal);
  return place;
}

/** @param {HTMLElement} place @param {import("./store.js").Entry} entry */
export function showPlaceholder(place, { placeholder }) {
  if (placeholder?.startsWith("data:image/") && !place.querySelector("canvas")) {
    place.replaceChildren(h("img", { src: placeholder, alt: "" }));
  }
}

/** @param {HTMLElement} place @param {import("./store.js").Entry} entry @param {AbortSignal} signal */
function queueMaking(place, { id, announcement }, signal) {
  making = making.then(async () => {
    if (signal.aborted) return;
    if (!made.has(id)) keep(id, announcement.fileSize > LARGEST ? null : await make(id));
    const bitmap = made.get(id);
    if (bitmap && !signal.aborted) place.replaceChildren(drawn(bitmap));
  });
}

/** @param {number} id */
async function make(id) {
  try {
    const file = await readFile(id);
    return file ? await createImageBitmap(file, { resizeWidth: EDGE, resizeQuality: "medium" }) : null;
  } catch {
    return null;
  }
}

/** @param {number} id @param {ImageBitmap | null} bitmap */
function keep(id, bitmap) {
  made.set(id, bitmap);
  if (made.size <= MOST) return;
  const [oldest] = made.keys();
  made.get(oldest)?.close();
  made.delete(oldest);
}

/** @param {ImageBitmap} bitmap */
function drawn(bitmap) {
  const canvas = h("canvas", { width: bitmap.width, height: bitmap.height });
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
  return canvas;
}
