/** Sends the queue's photos, a few at once. One tab does it for all. */

import { ApiError, UnreachableError } from "../app/api.js";
import { explain } from "../app/states.js";
import { t } from "../app/texts.js";
import { BusyError, Refusal, deliver } from "./delivery.js";
import { queue } from "./queue.js";

/** @typedef {import("./store.js").Entry} Entry */

const AT_ONCE = 4;
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;
// A browser's timer takes no more than 24 days; a limit of a month may wait longer.
const LONGEST_SLEEP = 3_600_000;
const TELL_EVERY = 150;

/** @type {Map<number, {stop: AbortController, loaded: number}>} */
const active = new Map();
/** @type {Map<number, {times: number, at: number, text: string}>} photos that are tried again later */
const later = new Map();
/** @type {{until: number, text: string} | null} all photos wait */
let hold = null;
let failures = 0;
let isLeading = false;
let timer = 0;
let telling = 0;

/** Sends, as soon as no other tab does, until the queue is closed. */
export async function startSender() {
  const { signal } = queue.closing;
  queue.addEventListener("changed", react, { signal });
  queue.addEventListener("hurry", goOn, { signal });
  addEventListener("online", goOn, { signal });
  addEventListener("offline", react, { signal });
  signal.addEventListener("abort", stopAll);
  const lead = () => {
    isLeading = true;
    react();
    return new Promise((resolve) => signal.addEventListener("abort", resolve));
  };
  await navigator.locks.request(`darkroom-uploads-${queue.user}`, { signal }, lead).catch((error) => {
    if (!signal.aborted) throw error;
  });
}

function stopAll() {
  isLeading = false;
  for (const { stop } of active.values()) stop.abort();
  later.clear();
  [hold, failures] = [null, 0];
  clearTimeout(timer);
}

/** The network is back, or the reader asks for it: nothing waits for its pause to end. */
function goOn() {
  hold = null;
  failures = 0;
  later.clear();
  tellSoon();
  react();
}

/** Ends what is not to be sent any more, and begins what may be. */
function react() {
  if (!isLeading) return;
  for (const [id, { stop }] of active) {
    if (queue.isPaused || queue.entries.get(id)?.state !== "waiting") stop.abort();
  }
  for (const id of later.keys()) if (!queue.entries.has(id)) later.delete(id);
  if (hold && hold.until <= Date.now()) {
    hold = null;
    tellSoon();
  }
  if (!queue.isPaused && !hold && navigator.onLine) {
    for (const entry of queue.entries.values()) {
      if (active.size >= AT_ONCE) break;
      if (isDue(entry)) send(entry);
    }
  }
  wake();
}

/** @param {Entry} entry */
function isDue({ id, state }) {
  return state === "waiting" && !active.has(id) && (later.get(id)?.at ?? 0) <= Date.now();
}

/** Comes back when the first pause ends. */
function wake() {
  clearTimeout(timer);
  const now = Date.now();
  const ends = [hold?.until ?? 0, ...[...later.values()].map(({ at }) => at)].filter((at) => at > now);
  if (ends.length > 0) timer = setTimeout(react, Math.min(Math.min(...ends) - now + 10, LONGEST_SLEEP));
}

/** @param {Entry} entry */
async function send(entry) {
  const { id } = entry;
  const stop = new AbortController();
  const work = { stop, loaded: 0 };
  active.set(id, work);
  tellSoon();
  /** @type {import("./delivery.js").Note} */
  const note = async (change) => {
    const after = await queue.change(id, (before) => ({ ...before, ...change }));
    if (after) return after;
    throw new DOMException("It was removed.", "AbortError");
  };
  const onProgress = (/** @type {number} */ loaded) => {
    work.loaded = loaded;
    tellSoon();
  };
  try {
    await deliver(entry, { note, signal: stop.signal, onProgress });
    later.delete(id);
    failures = 0;
    await note({ state: "sent", status: "PENDING" });
  } catch (error) {
    if (!stop.signal.aborted) await settle(id, error).catch(() => postpone(id, explain(error)));
  } finally {
    active.delete(id);
    tellSoon();
    react();
  }
}

/** What a failure means for the photo, and for the others. @param {number} id @param {unknown} error */
async function settle(id, error) {
  if (error instanceof UnreachableError) {
    failures += 1;
    holdAll(pauseAfter(failures), error.message);
  } else if (error instanceof ApiError && error.status === 429) {
    holdAll((error.retryAfter ?? 10) * 1000, explain(error));
  } else if (error instanceof Refusal) {
    await refuse(id, error.code, error.message);
  } else if (error instanceof ApiError && error.status < 500 && !error.retryAfter) {
    await refuse(id, error.code, error.message);
  } else if (error instanceof BusyError) {
    postpone(id, t("uploads.busy"));
  } else if (error instanceof DOMException && error.name === "AbortError") {
    later.delete(id);
  } else {
    postpone(id, explain(error));
  }
}

/** @param {number} id @param {string} code @param {string} text */
function refuse(id, code, text) {
  later.delete(id);
  const refused = (/** @type {Entry} */ entry) => /** @type {Entry} */ ({ ...entry, state: "refused" });
  return queue.change(id, (entry) => ({ ...refused(entry), reason: { code, text } }));
}

/** @param {number} id @param {string} text */
function postpone(id, text) {
  const times = (later.get(id)?.times ?? 0) + 1;
  later.set(id, { times, at: Date.now() + pauseAfter(times), text });
}

/** @param {number} milliseconds @param {string} text */
function holdAll(milliseconds, text) {
  const until = Date.now() + milliseconds;
  if (!hold || hold.until < until) hold = { until, text };
}

/** Grows by each failure; not the same in all browsers, which would come back all at once. @param {number} times */
function pauseAfter(times) {
  const most = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (times - 1));
  return most * (0.5 + Math.random() / 2);
}

/** Tells how far it is: not more often than one can see. */
function tellSoon() {
  telling ||= setTimeout(() => {
    telling = 0;
    if (!isLeading) return;
    const loaded = [...active].map(([id, work]) => /** @type {[number, number]} */ ([id, work.loaded]));
    const notes = [...later].map(([id, { text }]) => /** @type {[number, string]} */ ([id, text]));
    queue.show({ loaded, notes, hold });
  }, TELL_EVERY);
}
