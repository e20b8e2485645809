/** The reader's queue of photos, the same in all tabs: what is in it, and what is done to it. */

import { call, path } from "../app/api.js";
import { follow } from "../app/poller.js";
import { NEEDS_READER, canRetry, keyAfter, newKey } from "./entry.js";
import * as store from "./store.js";

/** @typedef {import("./store.js").Entry} Entry */
/**
 * @typedef {object} Live what the tab that sends tells the others
 * @property {[number, number][]} loaded bytes that have left, of each photo under way
 * @property {[number, string][]} notes why a photo is tried again
 * @property {{until: number, text: string} | null} hold why nothing is sent, and until when (milliseconds since 1970)
 */

export const MOST_ENTRIES = 2_000;
export const MOST_BYTES = 4_000_000_000;
const PAUSED = "darkroom-uploads-paused";

/**
 * Events: `changed` when the entries changed, `progress` when bytes have left or the hold changed, `hurry` when the
 * reader does not want to wait.
 */
class Queue extends EventTarget {
  /** @type {string | null} */
  user = null;
  /** @type {Map<number, Entry>} */
  entries = new Map();
  /** How many chosen files are not stored yet. */
  adding = 0;
  /** Names of chosen files for which there was no room. @type {string[]} */
  lost = [];
  /** @type {Map<number, number>} */
  loaded = new Map();
  /** @type {Map<number, string>} */
  notes = new Map();
  /** @type {Live["hold"]} */
  hold = null;
  /** Why the browser keeps nothing. @type {unknown} */
  problem = null;
  /** @type {BroadcastChannel | null} */
  channel = null;
  /** @type {AbortController} */
  closing = new AbortController();
  /** @type {Set<number>} */
  followed = new Set();

  /** Reads what the browser keeps for a user. @param {string} user */
  async open(user) {
    this.user = user;
    this.problem = null;
    this.closing = new AbortController();
    this.channel = new BroadcastChannel(`darkroom-uploads-${user}`);
    this.channel.addEventListener("message", ({ data }) => this.hear(data));
    for (const entry of await store.readEntries(user)) this.entries.set(entry.id, entry);
    this.tell("changed");
  }

  /** The browser keeps nothing for this page. @param {unknown} error */
  break(error) {
    this.problem = error;
    this.tell("changed");
  }

  close() {
    this.closing.abort();
    this.channel?.close();
    this.channel = null;
    this.user = null;
    for (const each of [this.entries, this.loaded, this.notes, this.followed]) each.clear();
    this.hold = null;
    this.lost = [];
    this.tell("changed");
  }

  /** There was no room for a chosen file. @param {string} name */
  lose(name) {
    this.lost.push(name);
    this.tell("changed");
  }

  /** The reader has read what was not added. */
  forgetLost() {
    this.lost = [];
    this.tell("changed");
  }

  get isPaused() {
    return localStorage.getItem(`${PAUSED}-${this.user}`) !== null;
  }

  /** How many photos and bytes are where. */
  get totals() {
    const sums = { all: 0, open: 0, moving: 0, done: 0, failed: 0, bytes: 0, left: 0, stored: 0 };
    for (const entry of this.entries.values()) {
      const size = entry.announcement.fileSize;
      sums.all += 1;
      if (entry.isStored) sums.stored += size;
      if (NEEDS_READER.has(entry.state)) {
        sums.failed += 1;
        continue;
      }
      const isOpen = entry.state === "waiting" || entry.state === "paused";
      if (isOpen) sums.open += 1;
      else if (entry.state === "sent") sums.moving += 1;
      else sums.done += 1;
      sums.bytes += size;
      sums.left += isOpen ? size - Math.min(size, this.loaded.get(entry.id) ?? 0) : 0;
    }
    return sums;
  }

  /** @param {{entry: store.NewEntry, file: Blob | null}[]} photos */
  async add(photos) {
    const added = await store.add(photos);
    for (const entry of added) this.entries.set(entry.id, entry);
    this.publish(added.map(({ id }) => id));
  }

  /** A picture that the server fetches is in the pipeline at once. @param {string} imageId @param {string} fileName */
  addImport(imageId, fileName) {
    const announcement = { fileName, fileType: "", fileSize: 0, singleUse: /** @type {const} */ (true) };
    const made = { user: this.user ?? "", announcement, fingerprint: imageId, reason: null, placeholder: null };
    const entry = { ...made, ...newKey(), imageId, state: /** @type {const} */ ("sent"), status: "PENDING" };
    return this.add([{ entry: { ...entry, isStored: false }, file: null }]);
  }

  /**
   * Changes an entry, unless it was removed meanwhile.
   * @param {number} id @param {(entry: Entry) => Entry | null} alter
   */
  async change(id, alter) {
    const after = await store.change(id, alter).catch((error) => this.changeWithoutRoom(id, alter, error));
    this.keep(id, after);
    this.publish([id]);
    return after;
  }

  /**
   * Where the disk is so full that nothing more can be written, what is sent makes room: what has arrived leaves the
   * browser's storage as a whole, and other changes are known until the page is closed.
   * @param {number} id @param {(entry: Entry) => Entry | null} alter @param {unknown} error
   */
  async changeWithoutRoom(id, alter, error) {
    if (!(error instanceof DOMException) || error.name !== "QuotaExceededError") throw error;
    const before = this.entries.get(id);
    const after = before && alter(before);
    if (after && store.ARRIVED.has(after.state)) {
      await store.remove([id]);
      after.isStored = false;
    }
    return after ?? before;
  }

  /** @param {number} id */
  pause(id) {
    return this.change(id, (entry) => (entry.state === "waiting" ? { ...entry, state: "paused" } : null));
  }

  /** Sends a photo that was paused or refused. @param {number} id */
  resume(id) {
    return this.change(id, (entry) => {
      if (entry.state === "paused") return { ...entry, state: "waiting" };
      if (entry.state !== "refused" || !entry.isStored) return null;
      return { ...entry, state: "waiting", reason: null, ...keyAfter(entry.reason?.code) };
    });
  }

  /** Sends a refused photo again, or has one processed again whose failure was the server's. @param {Entry} entry */
  async retry({ id, state, imageId }) {
    if (state === "refused") {
      await this.resume(id);
      return;
    }
    await call("POST", path`images/${imageId ?? ""}/reprocess`, { idempotencyKey: crypto.randomUUID() });
    this.followed.delete(id);
    await this.change(id, (entry) => ({ ...entry, state: "sent", status: "PROCESSING", reason: null }));
  }

  pauseAll() {
    localStorage.setItem(`${PAUSED}-${this.user}`, "yes");
    this.publish([]);
  }

  async resumeAll() {
    localStorage.removeItem(`${PAUSED}-${this.user}`);
    this.publish([]);
    for (const { id, state } of [...this.entries.values()]) if (state === "paused") await this.resume(id);
  }

  async retryAll() {
    for (const entry of [...this.entries.values()]) if (canRetry(entry)) await this.retry(entry);
  }

  /** What waits for its pause to end is tried at once, by the tab that sends. */
  hurry() {
    this.channel?.postMessage({ hurry: true });
    this.dispatchEvent(new Event("hurry"));
  }

  /** Takes photos out of the queue. What has arrived stays where it is. @param {number[]} ids */
  async remove(ids) {
    const removed = ids.map((id) => this.entries.get(id));
    await store.remove(ids);
    for (const id of ids) this.keep(id, undefined);
    this.publish(ids);
    for (const entry of removed) if (entry?.isStored && entry.imageId) withdraw(entry.imageId);
  }

  /** Takes out what is finished and needs nobody. */
  async clear() {
    await this.remove([...this.entries.values()].filter(({ state }) => state === "done").map(({ id }) => id));
  }

  /** What the tab that sends has to say. @param {Live} live */
  show(live) {
    this.hearLive(live);
    this.channel?.postMessage({ live });
  }

  /** Begins to follow the images that have arrived. */
  followSent() {
    for (const entry of this.entries.values()) {
      if (entry.state !== "sent" || !entry.imageId || this.followed.has(entry.id)) continue;
      this.followed.add(entry.id);
      const see = (/** @type {any} */ image) =>
        // What could not be noted is seen again.
        this.seeImage(entry.id, image).catch(() => this.followed.delete(entry.id));
      follow("images", entry.imageId, see, this.closing.signal);
    }
  }

  /** @param {number} id @param {Record<string, any> | null} image */
  async seeImage(id, image) {
    if (image === null) {
      await this.change(id, (entry) => ({ ...entry, state: "gone", reason: { code: "gone", text: "" } }));
    } else if (image.status === "COMPLETED") {
      await this.change(id, (entry) => ({ ...entry, state: "done", placeholder: image.placeholder }));
    } else if (image.status === "FAILED") {
      const { code, message } = image.reason ?? { code: "", message: "" };
      await this.change(id, (entry) => ({ ...entry, state: "failed", reason: { code, text: message } }));
    } else {
      // After a reload the first answer says it again, so it is not stored.
      const entry = this.entries.get(id);
      if (entry) this.entries.set(id, { ...entry, status: image.status });
      this.tell("changed");
    }
  }

  /** @param {any} message of another tab */
  async hear(message) {
    if (message.live) this.hearLive(message.live);
    if (message.hurry) this.dispatchEvent(new Event("hurry"));
    if (!message.changed) return;
    for (const id of message.changed) this.keep(id, await store.readEntry(id));
    this.tell("changed");
  }

  /** @param {Live} live */
  hearLive({ loaded, notes, hold }) {
    this.loaded = new Map(loaded);
    this.notes = new Map(notes);
    this.hold = hold;
    this.tell("progress");
  }

  /** @param {number} id @param {Entry | undefined} entry */
  keep(id, entry) {
    if (entry) this.entries.set(id, entry);
    else this.entries.delete(id);
  }

  /** @param {number[]} changed */
  publish(changed) {
    this.channel?.postMessage({ changed });
    this.tell("changed");
  }

  /** @param {"changed" | "progress"} what */
  tell(what) {
    this.followSent();
    this.dispatchEvent(new Event(what));
  }
}

/** Deletes an image whose file the reader did not want to send after all. @param {string} imageId */
export async function withdraw(imageId) {
  // Where the server cannot be told, it deletes by itself what was announced and never came.
  await call("DELETE", path`images/${imageId}`).catch(() => {});
}

export const queue = new Queue();
