/**
 * Brings one photo to S3 once, whatever happened to earlier tries: the tab crashed, an answer was lost, a link expired.
 *
 * The Idempotency-Key is stored before the photo is announced, and the imageId before its first byte is sent. So a
 * further try gets the same image. If its bytes have arrived, the API says so (409), or S3 does (412 for a single use).
 */

import { ApiError, call, path } from "../app/api.js";
import { newKey } from "./entry.js";
import { withdraw } from "./queue.js";
import { readFile } from "./store.js";
import { put } from "./transfer.js";

/** @typedef {import("./store.js").Entry} Entry */
/** @typedef {(change: Partial<Entry>) => Promise<Entry>} Note stores a change; throws where the photo was removed */
/** @typedef {{note: Note, signal: AbortSignal, onProgress: (loaded: number) => void}} Options */

// The API knows a key for a day after its first use.
const KEY_LASTS = 20 * 3_600_000;

/** This photo is not taken; another try needs the reader. */
export class Refusal extends Error {
  /** @param {string} code @param {string} [text] */
  constructor(code, text = "") {
    super(text);
    this.code = code;
  }
}

/** S3 is busy; the same may succeed later. */
export class BusyError extends Error {}

/**
 * Returns when the photo has arrived.
 * @param {Entry} entry @param {Options} options
 * @throws {Refusal | BusyError | ApiError | import("../app/api.js").UnreachableError | DOMException}
 */
export async function deliver(entry, options) {
  const file = await openFile(entry.id);
  if (Date.now() - entry.keyAt > KEY_LASTS) {
    if (await hasArrived(entry, options)) return;
    entry = await options.note(newKey());
  }
  // A link that expired on the way is replaced once.
  for (const isLast of [false, true]) {
    const request = await announce(entry, options);
    if (!request) return;
    const { status, code } = await put(request, file, options);
    if ((status >= 200 && status < 300) || status === 412) return;
    if (status === 409 || status === 408 || status === 429 || status >= 500) throw new BusyError(code);
    if (status !== 403 || isLast) throw new Refusal("storage", [status, code].join(" ").trim());
  }
}

/** @param {number} id */
async function openFile(id) {
  const file = await readFile(id);
  try {
    // The browser may have lost it in spite of its promise.
    await file?.slice(0, 1).arrayBuffer();
  } catch {
    throw new Refusal("lost");
  }
  if (!file) throw new Refusal("lost");
  return file;
}

/**
 * The presigned request; null where the bytes have arrived.
 * @param {Entry} entry @param {Options} options
 */
async function announce(entry, { note, signal }) {
  try {
    const options = { body: entry.announcement, idempotencyKey: entry.key, signal };
    const answer = await call("POST", "upload", options);
    await noteImage(answer.imageId, note);
    return answer;
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== "ALREADY_UPLOADED") throw error;
    const imageId = error.details.find(({ field }) => field === "imageId")?.message;
    await note({ imageId: imageId ?? entry.imageId });
    return null;
  }
}

/** @param {string} imageId @param {Note} note */
async function noteImage(imageId, note) {
  try {
    await note({ imageId });
  } catch (error) {
    await withdraw(imageId);
    throw error;
  }
}

/**
 * Whether the image has its file, asked where the key has become too old to say so.
 * @param {Entry} entry @param {Options} options
 */
async function hasArrived({ imageId }, { signal }) {
  // Without an imageId no byte was ever sent.
  if (!imageId) return false;
  try {
    const { image } = await call("GET", path`images/${imageId}`, { signal });
    return image.status !== "PENDING";
  } catch (error) {
    // The server deletes what was announced and never came.
    if (error instanceof ApiError && error.status === 404) return false;
    throw error;
  }
}
