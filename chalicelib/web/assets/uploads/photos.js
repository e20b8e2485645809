/** A chosen file as a photo of the queue: what it is announced as, and how it is known again. */

import { chosenPreset } from "../app/presets.js";
import { newKey } from "./entry.js";
import { queue } from "./queue.js";

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
/** @type {[string, RegExp][]} as the types' standards say */
const SIGNATURES = [
  ["image/jpeg", /^\xff\xd8\xff/],
  ["image/png", /^\x89PNG\r\n\x1a\n/],
  ["image/gif", /^GIF8[79]a/],
  ["image/webp", /^RIFF[^]{4}WEBP/],
];
const LONGEST_NAME = 255;
const SAMPLE = 65_536;

/** The media type by which a file is announced; null: it is no picture. @param {File} file */
export function typeOf({ name, type }) {
  if (type.startsWith("image/")) return type.slice(0, 100);
  const extension = name.split(".").at(-1)?.toLowerCase() ?? "";
  return type ? null : (TYPES.get(extension) ?? null);
}

/** @param {File} file @returns {Promise<Photo>} */
export async function toPhoto(file) {
  const entry = newEntry(file);
  if (file.size === 0) return refused(entry, "empty");
  try {
    const type = (await typeInside(file)) ?? typeOf(file);
    if (!type) return refused(entry, "noPicture");
    const announcement = { ...entry.announcement, fileType: type };
    return { entry: { ...entry, announcement, fingerprint: await fingerprint(file, announcement.preset) }, file };
  } catch {
    return refused(entry, "unreadable");
  }
}

/** @param {File} file @returns {import("./store.js").NewEntry} */
function newEntry({ name, size, type }) {
  // Half a character, as a name may hold, cannot be sent.
  const short = [...name]
    .slice(0, LONGEST_NAME)
    .join("")
    .replace(/\p{Surrogate}/gu, "\ufffd");
  return {
    user: queue.user ?? "",
    announcement: { fileName: short || "image", fileType: type, fileSize: size, singleUse: true, ...chosenPreset() },
    ...newKey(),
    fingerprint: "",
    state: "waiting",
    status: "",
    reason: null,
    placeholder: null,
    isStored: true,
  };
}

/**
 * What a file's first bytes say that it is: many a photo is saved under another type's name, and would be refused.
 * @param {File} file
 */
async function typeInside(file) {
  const first = String.fromCharCode(...new Uint8Array(await file.slice(0, 12).arrayBuffer()));
  return SIGNATURES.find(([, signature]) => signature.test(first))?.[0] ?? null;
}

/**
 * A photo that is not sent, and why.
 * @param {import("./store.js").NewEntry} entry @param {string} code @returns {Photo}
 */
export function refused(entry, code) {
  const { fileName, fileSize } = entry.announcement;
  // Chosen again, it replaces this one.
  const print = entry.fingerprint || `${fileName} ${fileSize}`;
  const state = { fingerprint: print, reason: { code, text: "" }, isStored: false };
  return { entry: { ...entry, ...state, state: "refused" }, file: null };
}

/** Equal for the same file and preset: name, size, time, and the content at both ends.
 * @param {File} file @param {string} [preset] */
async function fingerprint(file, preset) {
  const ends = new Blob([file.slice(0, SAMPLE), file.slice(-SAMPLE)]);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await ends.arrayBuffer()));
  const hex = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [file.name, file.size, file.lastModified, hex, ...(preset ? [preset] : [])].join(" ");
}
