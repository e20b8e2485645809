/** The queue and its photos in words. */

import { duration, percent, time } from "../app/format.js";
import { t, textOf } from "../app/texts.js";
import { queue } from "./queue.js";

/** @typedef {import("./store.js").Entry} Entry */
/** @typedef {{text: string, tone: "" | "going" | "good" | "bad", icon: import("../app/icons.js").Icon}} Said */

/** What a photo does. @param {Entry} entry @returns {Said} */
export function sayState(entry) {
  const { state, status, reason } = entry;
  if (state === "waiting") return sayWaiting(entry);
  if (state === "paused") return { text: t("uploads.paused"), tone: "", icon: "pause" };
  if (state === "done") return { text: t("uploads.ready"), tone: "good", icon: "check" };
  if (state === "sent") return { text: sayStatus(status), tone: "going", icon: "clock" };
  return { text: sayReason(reason), tone: "bad", icon: "warning" };
}

/** @param {Entry} entry @returns {Said} */
function sayWaiting({ id, announcement }) {
  const loaded = queue.loaded.get(id);
  if (loaded !== undefined) {
    const share = percent(Math.min(1, loaded / announcement.fileSize));
    return { text: t("uploads.sending", { share }), tone: "going", icon: "upload" };
  }
  const note = queue.notes.get(id);
  if (note) return { text: t("uploads.later", { note }), tone: "going", icon: "retry" };
  return { text: t("uploads.waiting"), tone: "", icon: "clock" };
}

/** @param {string} status */
function sayStatus(status) {
  return textOf("pipeline", status) ?? t("pipeline.PENDING");
}

/** @param {Entry["reason"]} reason */
export function sayReason(reason) {
  if (!reason) return "";
  if (reason.code === "storage") return t("uploads.storageRefused", { answer: reason.text });
  return textOf("reason", reason.code) ?? textOf("error", reason.code) ?? reason.text;
}

/** What the queue does as a whole. */
export function sayQueue() {
  const { all, open, moving, done, failed } = queue.totals;
  if (queue.adding > 0) return t("uploads.adding", { count: queue.adding });
  if (open > 0 && queue.isPaused) return t("uploads.allPaused", { count: open });
  if (open > 0 && !navigator.onLine) return t("uploads.offline", { count: open });
  if (open > 0) return t("uploads.progress", { sent: all - open - failed, count: all - failed });
  if (moving > 0) return t("uploads.moving", { count: moving });
  const ready = t("uploads.done", { count: done });
  if (failed === 0) return ready;
  return [done > 0 && ready, t("uploads.failed", { count: failed })].filter(Boolean).join(", ");
}

/** For what there was no room; "" where there was. */
export function sayLost() {
  return queue.lost.length > 0 ? t("uploads.notAdded", { count: queue.lost.length }) : "";
}

/** Why nothing is sent at the moment, and when it goes on; "" where nothing is wrong. */
export function sayHold() {
  if (!queue.hold || queue.isPaused || !navigator.onLine) return "";
  const left = Math.max(1_000, Math.ceil((queue.hold.until - Date.now()) / 1_000) * 1_000);
  const goesOn =
    left < 3_600_000
      ? t("uploads.goesOn", { time: duration(left) })
      : t("uploads.goesOnAt", { time: time(new Date(queue.hold.until)) });
  return `${queue.hold.text} ${goesOn}`;
}

/** The share of all bytes that have left, from 0 to 1. */
export function shareSent() {
  const { bytes, left } = queue.totals;
  return bytes === 0 ? 1 : (bytes - left) / bytes;
}
