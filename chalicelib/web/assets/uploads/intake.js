/** Takes chosen files into the queue: all that are pictures, each once, as far as the browser has room. */

import { toast } from "../app/notices.js";
import { t } from "../app/texts.js";
import { refused, toPhoto, typeOf } from "./photos.js";
import { MOST_BYTES, MOST_ENTRIES, queue } from "./queue.js";

/** @typedef {import("./photos.js").Photo} Photo */
/** @typedef {{isFolder?: boolean, isAgain?: boolean}} Options `isFolder`: what is no picture is left out without a word
 *   for each; `isAgain`: also what is in the queue already */

const BATCH_FILES = 20;
const BATCH_BYTES = 20_000_000;

/** One after the other, so that what is chosen twice at once is found. */
let taking = Promise.resolve();

/** Adds files to the queue; says what was not added and why. @param {File[]} files @param {Options} [options] */
export function addFiles(files, options = {}) {
  taking = taking.then(() => take(files, options)).catch((error) => void toast(String(error), { isBad: true }));
  return taking;
}

/** @param {File[]} files @param {Options} options */
async function take(files, { isFolder = false, isAgain = false }) {
  if (!queue.user || queue.problem) {
    toast(t("uploads.noStorage"), { isBad: true });
    return;
  }
  const wanted = isFolder ? files.filter((file) => typeOf(file)) : files;
  if (wanted.length < files.length) toast(t("uploads.leftOut", { count: files.length - wanted.length }));
  if (wanted.length === 0) return;
  // The browser then clears it only when the reader says so.
  navigator.storage.persist?.().catch(() => {});
  addEventListener("beforeunload", warn);
  queue.adding = wanted.length;
  /** @type {File[]} */
  const repeated = [];
  try {
    for (const batch of batches(wanted)) {
      repeated.push(...(await addBatch(batch, isAgain)));
      queue.adding -= batch.length;
      queue.tell("changed");
    }
  } finally {
    queue.adding = 0;
    removeEventListener("beforeunload", warn);
    queue.tell("changed");
  }
  if (repeated.length > 0) askAbout(repeated);
}

/** What is chosen and not stored yet would be lost. @param {BeforeUnloadEvent} event */
function warn(event) {
  event.preventDefault();
}

/** @param {File[]} files */
function* batches(files) {
  /** @type {File[]} */
  let batch = [];
  let size = 0;
  for (const file of files) {
    if (batch.length === BATCH_FILES || (batch.length > 0 && size + file.size > BATCH_BYTES)) {
      yield batch;
      batch = [];
      size = 0;
    }
    batch.push(file);
    size += file.size;
  }
  if (batch.length > 0) yield batch;
}

/** @param {File[]} files @param {boolean} isAgain @returns {Promise<File[]>} those that are in the queue already */
async function addBatch(files, isAgain) {
  const known = new Map([...queue.entries.values()].map((entry) => [entry.fingerprint, entry]));
  /** @type {Map<string, Photo>} */
  const photos = new Map();
  const repeated = [];
  for (const file of files) {
    const photo = await toPhoto(file);
    const print = photo.entry.fingerprint;
    const same = known.get(print);
    if (!isAgain && (photos.has(print) || same?.reason === null)) {
      repeated.push(file);
      continue;
    }
    // What was refused and is chosen again gets a new chance.
    if (same?.reason) await queue.remove([same.id]);
    photos.set(isAgain ? crypto.randomUUID() : print, photo);
  }
  await keep([...photos.values()]);
  return repeated;
}

/** Stores photos as far as there is room; the queue tells the others. @param {Photo[]} photos */
async function keep(photos) {
  // How much the browser keeps it says by refusing: what it tells before is no more than a guess.
  let entries = MOST_ENTRIES - queue.totals.all;
  let bytes = MOST_BYTES - queue.totals.stored;
  const fitting = [];
  for (const photo of photos) {
    const size = photo.file?.size ?? 0;
    if (entries > 0 && size <= bytes) fitting.push(photo);
    else queue.lose(photo.entry.announcement.fileName);
    entries -= 1;
    bytes -= size;
  }
  if (await tryToAdd(fitting)) return;
  // One by one: some fit, or it is one that the browser cannot read.
  for (const photo of fitting) if (!(await tryToAdd([photo]))) await keepReason(photo);
}

/** @param {Photo} photo that cannot be stored */
async function keepReason({ entry, file }) {
  const isReadable = await (file ?? new Blob()).arrayBuffer().then(
    () => true,
    () => false,
  );
  if (isReadable || !(await tryToAdd([refused(entry, "unreadable")]))) queue.lose(entry.announcement.fileName);
}

/** @param {Photo[]} photos */
async function tryToAdd(photos) {
  try {
    await queue.add(photos);
    return true;
  } catch {
    return false;
  }
}
/** @param {File[]} files that are in the queue already */
function askAbout(files) {
  const options = { action: t("uploads.addAgain"), run: () => addFiles(files, { isAgain: true }), seconds: 20 };
  toast(t("uploads.repeated", { count: files.length }), options);
}
