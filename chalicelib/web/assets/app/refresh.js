/** Content that is read again from time to time, while its view is open and the page is seen. */

import { h } from "../base/dom.js";
import { ApiError } from "./api.js";
import { failure, waiting } from "./states.js";

/**
 * @param {() => Promise<Node[]>} read
 * @param {number} seconds between two readings
 * @param {AbortSignal} signal
 * @returns {{node: HTMLElement, now: () => void}}
 */
export function refreshed(read, seconds, signal) {
  const note = h("div");
  const place = h("div", null, waiting());
  let timer = 0;
  let isReading = false;
  let pause = seconds;
  const plan = () => {
    clearTimeout(timer);
    if (!signal.aborted && !document.hidden && navigator.onLine) timer = setTimeout(now, pause * 1000);
  };
  const now = async () => {
    if (isReading) return;
    isReading = true;
    clearTimeout(timer);
    try {
      const content = await read();
      if (signal.aborted) return;
      keepOpen(place, content);
      note.replaceChildren();
      pause = seconds;
    } catch (error) {
      if (signal.aborted) return;
      // What was read last stays.
      place.querySelector(":scope > .waiting")?.remove();
      note.replaceChildren(failure(error, now));
      pause = Math.max(seconds, (error instanceof ApiError && error.retryAfter) || 0);
    } finally {
      isReading = false;
      plan();
    }
  };
  const seen = () => (document.hidden ? clearTimeout(timer) : now());
  document.addEventListener("visibilitychange", seen, { signal });
  addEventListener("online", now, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
  now();
  return { node: h("div", null, note, place), now };
}

/** Replaces the content; what the reader has opened stays open, and the focus where it is.
 * @param {HTMLElement} place @param {Node[]} content */
function keepOpen(place, content) {
  const opened = [...place.querySelectorAll("details")].map((each) => each.open);
  const focus = [...place.querySelectorAll("summary, a, button")].indexOf(/** @type {any} */ (document.activeElement));
  place.replaceChildren(...content);
  place.querySelectorAll("details").forEach((each, at) => (each.open = opened[at] ?? each.open));
  /** @type {HTMLElement | undefined} */ ([...place.querySelectorAll("summary, a, button")][focus])?.focus();
}
