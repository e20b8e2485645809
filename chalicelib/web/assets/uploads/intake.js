/** Takes chosen files into the queue: all that are pictures, each once, as far as the browser has room. */

import { toast } from "../app/notices.js";
import { t } from "../app/texts.js";
import { MOST_BYTES, MOST_ENTRIES, newKey, queue } from "./queue.js";

/** @typedef {{entry: import("./store.js").NewEntry, file: Blob | null}} Photo */

// Of file names alone: some systems tell no type. What is accepted is the server's decision.
const TYPES = new Map([
  ["jpg", "image/jpeg"],
  ["jpeg", "image/jpeg"],
  ["png", "image/png"],
  ["gif", "image/gif"],
  ["webp", "image/webp"],
  ["avif", "image/avif"],
  ["heic", "image/heic"],
  ["heif", "image/heif"],
  ["tif", "image/tiff"],
  ["tiff", "image/tiff"],
  ["bmp", "image/bmp"],
  ["jxl", "image/jxl"],
]);
const LONGEST_NAME = 255;
const SAMPLE = 65_536;
const BATCH_FILES = 20;
const BATCH_BYTES = 20_000_000;
const NAMES_TOLD = 5;

/** One after the other, so that what is chosen twice at once is found. */
let taking = Promise.resolve();

/**
 * Adds files to the queue; says what was not added and why.
 * @param {File[]} files
 * @param {{isFolder?: boolean, isAgain?: boolean}} [options] `isFolder`: what is no picture is left out without a word
 *   for each; `isAgain`: also what is in the queue already
 */
export function addFiles(files, options = {}) {
  taking = taking.then(() => take(files, options)).catch((error) => void toast(String(error), { isBad: true }));
  return taking;
}

/** @param {File[]} files @param {{isFolder?: boolean, isAgain?: boolean}} options */
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
  queue.adding += wanted.length;
  const known = new Map([...queue.entries.values()].map((entry) => [entry.fingerprint, entry]));
  /** @type {File[]} */
  const repeated = [];
  /** @type {string[]} */
  const lost = [];
  try {
    for (const batch of batches(wanted)) {
      const photos = [];
      for (const file of batch) {
        const photo = await toPhoto(file);
        const same = known.get(photo.entry.fingerprint);
        if (same && same.reason === null && !isAgain) {
          repeated.push(file);
          continue;
        }
        // What was refused and is chosen again gets a new chance.
        if (same?.reason && same.id) await queue.remove([same.id]);
        known.set(photo.entry.fingerprint, { ...photo.entry, id: 0 });
        photos.push(photo);
      }
      lost.push(...(await keep(photos)));
      queue.adding -= batch.length;
      queue.tell("changed");
    }
  } finally {
    queue.adding = 0;
    removeEventListener("beforeunload", warn);
    queue.tell("changed");
  }
  if (repeated.length > 0) askAbout(repeated);
  if (lost.length > 0) tellLost(lost);
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

/** The media type by which a file is announced; null: it is no picture. @param {File} file */
export function typeOf({ name, type }) {
  if (type.startsWith("image/")) return type.slice(0, 100);
  const extension = name.split(".").at(-1)?.toLowerCase() ?? "";
  return type ? null : (TYPES.get(extension) ?? null);
}

/** @param {File} file @returns {Promise<Photo>} */
async function toPhoto(file) {
  const type = typeOf(file);
  /** @type {import("./store.js").NewEntry} */
  const entry = {
    user: queue.user ?? "",
    announcement: {
      // Half a character, as a name may hold, cannot be sent.
      fileName:
        [...file.name]
          .slice(0, LONGEST_NAME)
          .join("")
          .replace(/\p{Surrogate}/gu, "\ufffd") || "image",
      fileType: type ?? file.type,
      fileSize: file.size,
      singleUse: true,
    },
    ...newKey(),
    fingerprint: "",
    state: "waiting",
    status: "",
    reason: null,
    placeholder: null,
    isStored: true,
  };
  if (!type) return refused(entry, "noPicture");
  if (file.size === 0) return refused(entry, "empty");
  try {
    return { entry: { ...entry, fingerprint: await fingerprint(file) }, file };
  } catch {
    return refused(entry, "unreadable");
  }
}

/** @param {import("./store.js").NewEntry} entry @param {string} code @returns {Photo} */
function refused(entry, code) {
  const { fileName, fileSize } = entry.announcement;
  // Chosen again, it replaces this one.
  const print = entry.fingerprint || `${fileName} ${fileSize}`;
  const state = { fingerprint: print, reason: { code, text: "" }, isStored: false };
  return { entry: { ...entry, ...state, state: "refused" }, file: null };
}

/** Equal for the same file: name, size, time, and the content at both ends. @param {File} file */
async function fingerprint(file) {
  const ends = new Blob([file.slice(0, SAMPLE), file.slice(-SAMPLE)]);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await ends.arrayBuffer()));
  const hex = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [file.name, file.size, file.lastModified, hex].join(" ");
}

/** Stores photos as far as there is room. @param {Photo[]} photos @returns {Promise<string[]>} names of the others */
async function keep(photos) {
  const lost = [];
  const fitting = [];
  for (const photo of photos) {
    const { all, stored } = queue.totals;
    const more = fitting.reduce((sum, { entry }) => sum + entry.announcement.fileSize, stored);
    if (all + fitting.length >= MOST_ENTRIES) lost.push(photo.entry.announcement.fileName);
    else if (more + photo.entry.announcement.fileSize > MOST_BYTES) fitting.push(refused(photo.entry, "full"));
    else fitting.push(photo);
  }
  try {
    if (fitting.length > 0) await queue.add(fitting);
    return lost;
  } catch {
    // One by one: the smaller ones may fit.
    for (const photo of fitting) if (!(await keepOne(photo))) lost.push(photo.entry.announcement.fileName);
    return lost;
  }
}

/** @param {Photo} photo whose reason is stored, where its bytes cannot be */
async function keepOne(photo) {
  try {
    await queue.add([photo]);
    return true;
  } catch (error) {
    const isFull = error instanceof DOMException && error.name === "QuotaExceededError";
    const instead = refused(photo.entry, isFull ? "full" : "unreadable");
    return queue.add([instead]).then(
      () => true,
      () => false,
    );
  }
}

/** @param {File[]} files that are in the queue already */
function askAbout(files) {
  const options = { action: t("uploads.addAgain"), run: () => addFiles(files, { isAgain: true }), seconds: 20 };
  toast(t("uploads.repeated", { count: files.length }), options);
}

/** @param {string[]} names */
function tellLost(names) {
  const some = names.slice(0, NAMES_TOLD).join(", ") + (names.length > NAMES_TOLD ? " …" : "");
  toast(t("uploads.notAdded", { count: names.length, names: some }), { isBad: true, seconds: 60 });
}
