/** One poll for all that is under way: images in the pipeline, and actions. It slows down while nothing changes. */

import { ApiError, call, path } from "./api.js";
import { session } from "./session.js";

/** @typedef {"images" | "actions"} Kind */
/** @typedef {Record<string, any>} Item as the API shows it */
/** @typedef {(item: Item | null) => void} OnChange it gets null where the item is gone */

const FIRST = 1_000;
const LONGEST = 15_000;
const FACTOR = 1.4;
const PAGE = 100;
// Of older items each is asked for alone: lists are read from the newest one on.
const MOST_PAGES = 5;
const ID = { images: "imageId", actions: "actionId" };
const ENDS = new Set(["COMPLETED", "FAILED"]);

/** @type {Record<Kind, Map<string, {listeners: Set<OnChange>, last: string}>>} */
const followed = { images: new Map(), actions: new Map() };
/** @type {Record<Kind, Set<(items: Item[]) => void>>} */
const watchers = { images: new Set(), actions: new Set() };
let timer = 0;
let pause = FIRST;
let isAsking = false;
// How long the last round of questions took: many images cost the server much, so they are asked for more rarely.
let took = 0;

/**
 * Tells each change of an image or an action, until it has ended.
 * @param {Kind} kind @param {string} id @param {OnChange} onChange @param {AbortSignal} [signal]
 */
export function follow(kind, id, onChange, signal) {
  const entry = followed[kind].get(id) ?? { listeners: new Set(), last: "" };
  followed[kind].set(id, entry);
  entry.listeners.add(onChange);
  signal?.addEventListener("abort", () => {
    entry.listeners.delete(onChange);
    if (entry.listeners.size === 0) followed[kind].delete(id);
  });
  pause = FIRST;
  schedule();
}

/**
 * Tells what each list that the poll reads holds: new images and actions are among them.
 * @param {Kind} kind @param {(items: Item[]) => void} onItems @param {AbortSignal} signal
 */
export function watch(kind, onItems, signal) {
  watchers[kind].add(onItems);
  signal.addEventListener("abort", () => watchers[kind].delete(onItems));
}

/** Begins to mind whether the page is seen and the network is there. */
export function startPoller() {
  const hurry = () => {
    pause = FIRST;
    schedule();
  };
  document.addEventListener("visibilitychange", hurry);
  addEventListener("online", hurry);
}

function schedule() {
  clearTimeout(timer);
  const isNeeded = followed.images.size + followed.actions.size > 0;
  if (isNeeded && !document.hidden && navigator.onLine && !isAsking) timer = setTimeout(ask, Math.max(pause, 3 * took));
}

async function ask() {
  if (!session.isSignedIn) return;
  isAsking = true;
  const start = performance.now();
  pause = Math.min(pause * FACTOR, LONGEST);
  try {
    for (const kind of /** @type {Kind[]} */ (["images", "actions"])) await askFor(kind);
  } catch (error) {
    if (error instanceof ApiError && error.retryAfter) pause = Math.max(pause, error.retryAfter * 1000);
  } finally {
    took = performance.now() - start;
    isAsking = false;
    schedule();
  }
}

/** @param {Kind} kind */
async function askFor(kind) {
  const wanted = new Set(followed[kind].keys());
  // Identifiers sort by the time when they were made.
  const oldest = [...wanted].sort()[0];
  let cursor = null;
  for (let page = 0; wanted.size > 0 && page < MOST_PAGES; page += 1) {
    const { items, nextCursor } = await call("GET", kind, { query: { limit: PAGE, cursor } });
    for (const onItems of watchers[kind]) onItems(items);
    for (const item of items) {
      if (wanted.delete(item[ID[kind]])) tell(kind, item[ID[kind]], item);
    }
    cursor = nextCursor;
    const last = items.at(-1)?.[ID[kind]];
    if (!cursor || (last && last < oldest)) break;
  }
  for (const id of wanted) await askForOne(kind, id);
}

/** @param {Kind} kind @param {string} id */
async function askForOne(kind, id) {
  try {
    const answer = await call("GET", path`${kind}/${id}`);
    tell(kind, id, answer.image ?? answer.action);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    tell(kind, id, null);
  }
}

/** @param {Kind} kind @param {string} id @param {Item | null} item */
function tell(kind, id, item) {
  const entry = followed[kind].get(id);
  if (!entry) return;
  // Links are signed anew in each answer, so they are no change.
  const parts = item && [item.status, item.reason, item.lastFailure, item.progress, item.variants?.length];
  const now = parts && JSON.stringify(parts);
  if (now === entry.last) return;
  entry.last = now ?? "";
  pause = FIRST;
  if (!item || ENDS.has(item.status)) followed[kind].delete(id);
  for (const listener of entry.listeners) listener(item);
}
