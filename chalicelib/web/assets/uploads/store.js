/** What the browser keeps of the queue: each photo's entry, and its bytes until they have arrived. */

import { openDB } from "../vendor/idb.js";

/**
 * @typedef {"waiting" | "paused" | "refused" | "sent" | "done" | "failed" | "gone"} State
 * `refused` before it arrived, `failed` after; `sent` is in the pipeline, `gone` was deleted there.
 */
/**
 * @typedef {object} Entry a photo of the queue
 * @property {number} id in the order of adding
 * @property {string} user whose it is, by user id: several people may use one browser
 * @property {{fileName: string, fileType: string, fileSize: number, singleUse: true, preset?: string}} announcement the
 *   API's input, the same in each try
 * @property {string} key the Idempotency-Key
 * @property {number} keyAt when it was made, in milliseconds since 1970
 * @property {string} fingerprint equal for the same file
 * @property {State} state
 * @property {string | null} imageId kept before the first byte is sent
 * @property {string} status of the image in the pipeline, where it is `sent`
 * @property {{code: string, text: string} | null} reason why it is `refused` or `failed`; a text of the server
 * @property {string | null} placeholder a tiny picture, once it is `done`
 * @property {boolean} isStored whether its bytes are in the browser
 */
/** @typedef {Omit<Entry, "id">} NewEntry */

const NAME = "darkroom-uploads";
const VERSION = 1;
const [ENTRIES, FILES, BY_USER] = ["entries", "files", "user"];
/** The states in which its bytes are not needed any more. */
export const ARRIVED = new Set(["sent", "done", "failed", "gone"]);

/** @type {Promise<import("../vendor/idb.js").Database> | null} */
let opened = null;

function database() {
  opened ??= openDB(NAME, VERSION, {
    upgrade(made) {
      made.createObjectStore(ENTRIES, { keyPath: "id", autoIncrement: true }).createIndex(BY_USER, BY_USER);
      made.createObjectStore(FILES);
    },
    // A newer page in another tab: this one finds its database closed, and asks for a reload.
    blocking: (_version, _next, event) => /** @type {any} */ (event.target).close(),
    terminated: () => (opened = null),
  }).catch((error) => {
    opened = null;
    throw error;
  });
  return opened;
}

/** A transaction over entries and bytes: all of it is kept or nothing. */
async function begin() {
  // Strict: told as kept when it is on the disk, so that a crash of the machine loses nothing either.
  return (await database()).transaction([ENTRIES, FILES], "readwrite", { durability: "strict" });
}

/** @param {string} user @returns {Promise<Entry[]>} in the order of adding */
export async function readEntries(user) {
  return (await database()).getAllFromIndex(ENTRIES, BY_USER, user);
}

/** @param {number} id @returns {Promise<Entry | undefined>} */
export async function readEntry(id) {
  return (await database()).get(ENTRIES, id);
}

/** The bytes of a photo. @param {number} id @returns {Promise<Blob | undefined>} */
export async function readFile(id) {
  return (await database()).get(FILES, id);
}

/**
 * Keeps new entries, all or none. Throws what the browser throws: a QuotaExceededError where its storage is full.
 * @param {{entry: NewEntry, file: Blob | null}[]} photos
 * @returns {Promise<Entry[]>}
 */
export async function add(photos) {
  const work = await begin();
  try {
    /** @type {number[]} */
    const ids = [];
    for (const { entry, file } of photos) {
      const id = await work.objectStore(ENTRIES).add(entry);
      if (file) await work.objectStore(FILES).put(file, id);
      ids.push(id);
    }
    await work.done;
    return photos.map(({ entry }, place) => ({ ...entry, id: ids[place] }));
  } catch (error) {
    abort(work);
    // The failure of the whole says more than that of one request in it.
    throw await work.done.then(() => error).catch((cause) => (cause?.name === "AbortError" ? error : cause));
  }
}

/** Takes back what was written so far. @param {import("../vendor/idb.js").Transaction} work */
function abort(work) {
  try {
    work.abort();
  } catch {
    // It has ended by itself.
  }
}

/**
 * Changes an entry as it is by now, whichever tab changed it last. The bytes of what has arrived are let go.
 * @param {number} id @param {(entry: Entry) => Entry | null} alter null: leave it as it is
 * @returns {Promise<Entry | undefined>} how it is now; undefined: it was removed
 */
export async function change(id, alter) {
  const work = await begin();
  const before = await work.objectStore(ENTRIES).get(id);
  const after = before && alter(before);
  if (after) {
    const isStored = after.isStored && !ARRIVED.has(after.state);
    if (after.isStored && !isStored) await work.objectStore(FILES).delete(id);
    after.isStored = isStored;
    await work.objectStore(ENTRIES).put(after);
  }
  await work.done;
  return after ?? before;
}

/** Removes entries and their bytes. @param {number[]} ids */
export async function remove(ids) {
  const work = await begin();
  for (const id of ids) {
    await work.objectStore(ENTRIES).delete(id);
    await work.objectStore(FILES).delete(id);
  }
  await work.done;
}
