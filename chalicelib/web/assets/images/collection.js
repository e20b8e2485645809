/** The images that a search finds: read page by page, and kept while the reader looks at one of them. */

import { ApiError, call, path } from "../app/api.js";
import { deletions, isBeingDeleted } from "./deletion.js";

/**
 * @typedef {{name: string, size: string, dimensions: string, format: string, fileSize: number, watermarked: boolean,
 *    url: string, s3Key: string}} Variant
 */
/**
 * @typedef {object} Image as the API shows it
 * @property {string} imageId
 * @property {string} fileName
 * @property {string | null} title
 * @property {string[]} tags
 * @property {{x: number, y: number} | null} focalPoint
 * @property {string} fileType
 * @property {number | null} fileSize
 * @property {"PENDING" | "UPLOADED" | "PROCESSING" | "COMPLETED" | "FAILED"} status
 * @property {{code: string, message: string} | null} reason
 * @property {{code: string, message: string} | null} lastFailure
 * @property {Record<string, any>} metadata
 * @property {string | null} placeholder
 * @property {string} preset
 * @property {string} createdAt
 * @property {string | null} processedAt
 * @property {Variant[]} variants
 */

const PAGE = 60;
const FILTERS = ["name", "tag", "status", "from", "to"];
// Links of a page that was read a moment ago are not asked for again: it is the file that is missing.
const LINKS_ARE_NEW = 10_000;
// The image that is looked for stands in one of these pages, or the reader came by a link to an old one.
const MOST_PAGES = 5;
const MOST_KEPT = 3;

/** Events: `changed`. */
export class Collection extends EventTarget {
  /** @type {Image[]} */
  #items = [];
  /** Where the next page begins; null at the end, undefined before the first. @type {string | null | undefined} */
  #cursor = undefined;
  /** With which cursor an image was read. @type {Map<string, string | null>} */
  #cursorOf = new Map();
  /** When the page of a cursor was last read for its links. @type {Map<string | null, number>} */
  #linksRead = new Map();
  /** @type {Promise<void> | null} */
  #reading = null;
  /** Why the last page could not be read. @type {unknown} */
  error = null;
  /** How far it was scrolled, and which image was opened last. */
  scroll = 0;
  lastOpened = "";

  /** @param {string} search as it stands in the address */
  constructor(search) {
    super();
    this.search = search;
    const given = new URLSearchParams(search);
    this.query = Object.fromEntries(FILTERS.map((name) => [name, given.get(name)]));
  }

  /** Newest first, without those that are being deleted. */
  get items() {
    return this.#items.filter((item) => !isBeingDeleted(item.imageId));
  }

  get isReading() {
    return this.#reading !== null;
  }

  get isComplete() {
    return this.#cursor === null;
  }

  /** Reads the next page. */
  readMore() {
    if (this.#cursor === undefined) return this.renew();
    if (this.#cursor === null) return Promise.resolve();
    return this.#alone(async () => {
      const cursor = /** @type {string} */ (this.#cursor);
      const page = await this.#page(cursor);
      this.#items.push(...page.items);
      this.#cursor = page.nextCursor;
    });
  }

  /** Reads from the newest one on, until what is known already: new images come in, and what is gone goes. */
  renew() {
    return this.#alone(async () => {
      const known = new Map(this.#items.map((item) => [item.imageId, item]));
      const newest = this.#items[0]?.imageId ?? "";
      /** @type {Image[]} */
      const read = [];
      let cursor = null;
      do {
        const page = await this.#page(cursor);
        read.push(...page.items);
        cursor = page.nextCursor;
      } while (cursor && (read.at(-1)?.imageId ?? "~") > newest && newest);
      const end = cursor ? (read.at(-1)?.imageId ?? "~") : "";
      const older = this.#items.filter((item) => item.imageId < end);
      this.#items = [...read.map((item) => merge(known.get(item.imageId), item)), ...older];
      if (older.length === 0) this.#cursor = cursor;
    });
  }

  /** Reads on until that image is found, or not within some pages. @param {string} imageId */
  async readUntil(imageId) {
    for (let page = 0; page < MOST_PAGES && !this.isComplete && this.placeOf(imageId) < 0; page += 1) {
      await this.readMore();
      if (this.error) return;
    }
  }

  /** @param {string} imageId */
  placeOf(imageId) {
    return this.items.findIndex((item) => item.imageId === imageId);
  }

  /** @param {string} imageId */
  find(imageId) {
    return this.#items.find((item) => item.imageId === imageId);
  }

  /** Puts a newer state of an image in the place of the one that is known. @param {Image} image */
  take(image) {
    const place = this.#items.findIndex((item) => item.imageId === image.imageId);
    if (place < 0) return;
    this.#items[place] = merge(this.#items[place], image);
    this.#changed();
  }

  /** @param {string} imageId */
  drop(imageId) {
    this.#items = this.#items.filter((item) => item.imageId !== imageId);
    this.#changed();
  }

  /** The image with links that are signed anew: those of its whole page are. @param {string} imageId */
  async renewLinks(imageId) {
    const cursor = this.#cursorOf.get(imageId) ?? null;
    if (Date.now() - (this.#linksRead.get(cursor) ?? 0) > LINKS_ARE_NEW) {
      this.#linksRead.set(cursor, Date.now());
      const { items } = await this.#page(cursor);
      const fresh = new Map(items.map((item) => [item.imageId, item]));
      this.#items = this.#items.map((item) => fresh.get(item.imageId) ?? item);
      this.#changed();
    }
    return this.find(imageId);
  }

  /** @param {string | null} cursor @returns {Promise<{items: Image[], nextCursor: string | null}>} */
  async #page(cursor) {
    const page = await call("GET", "images", { query: { ...this.query, limit: PAGE, cursor } });
    for (const item of page.items) this.#cursorOf.set(item.imageId, cursor);
    this.#linksRead.set(cursor, Date.now());
    return page;
  }

  /** Only one read at a time: who asks meanwhile waits for the same. @param {() => Promise<void>} read */
  #alone(read) {
    this.#reading ??= this.#read(read);
    return this.#reading;
  }

  /** @param {() => Promise<void>} read */
  async #read(read) {
    this.error = null;
    try {
      await read();
    } catch (error) {
      this.error = error;
    }
    this.#reading = null;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("changed"));
  }
}

/** What is seen of an image, without its links: they are signed anew in each answer. @param {Image} image */
function seen({ status, reason, lastFailure, title, tags, focalPoint, processedAt, variants }) {
  return JSON.stringify([status, reason, lastFailure, title, tags, focalPoint, processedAt, variants.length]);
}

/** The known object where nothing that is seen has changed: a picture is not loaded again for a new link.
 * @param {Image | undefined} known @param {Image} read */
function merge(known, read) {
  return known && seen(known) === seen(read) ? known : read;
}

/** The one that was asked for last stands first. @type {Collection[]} */
let kept = [];

deletions.addEventListener("changed", () => kept.forEach((each) => each.dispatchEvent(new Event("changed"))));
deletions.addEventListener("deleted", (event) => {
  for (const each of kept) each.drop(/** @type {CustomEvent<string>} */ (event).detail);
});

/** The collection of a search; the last few are kept. @param {URLSearchParams} query */
export function collectionOf(query) {
  const search = searchOf(query);
  const found = kept.find((each) => each.search === search) ?? new Collection(search);
  kept = [found, ...kept.filter((each) => each !== found)].slice(0, MOST_KEPT);
  return found;
}

/** The filters of an address, always in the same form. @param {URLSearchParams} query */
export function searchOf(query) {
  const given = FILTERS.map((name) => [name, query.get(name) ?? ""]).filter(([, value]) => value);
  return new URLSearchParams(given).toString();
}

/** The address of a view with a search behind it. @param {string} view @param {string} search */
export function addressOf(view, search) {
  return search ? `${view}?${search}` : view;
}

/** What every collection knows of an image, is as it is now. @param {Image} image */
export function takeEverywhere(image) {
  for (const each of kept) each.take(image);
}

/** The image, as it is known or from the API. @param {string} imageId @param {AbortSignal} signal
 * @returns {Promise<Image>} @throws {ApiError} */
export async function readImage(imageId, signal) {
  const { image } = await call("GET", path`images/${imageId}`, { signal });
  return image;
}

/** @param {string} imageId @returns {Image | undefined} */
export function knownImage(imageId) {
  return kept.map((each) => each.find(imageId)).find(Boolean);
}

/** Whether the API says that there is no such image. @param {unknown} error */
export function isGone(error) {
  return error instanceof ApiError && error.code === "IMAGE_NOT_FOUND";
}
