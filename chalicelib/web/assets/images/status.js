/** How an image stands, in words. */

import { h } from "../base/dom.js";
import { textOf } from "../app/texts.js";

/** @typedef {import("./collection.js").Image} Image */

/** Whether the pipeline has still to do with it. @param {Image} image */
export function isUnderWay({ status }) {
  return status !== "COMPLETED" && status !== "FAILED";
}

/** Whether it can be processed again: no execution works on it. @param {Image} image */
export function mayRunAgain(image) {
  return !isUnderWay(image) || (image.status === "PROCESSING" && image.reason !== null);
}

/** @param {Image} image */
export function statusText({ status }) {
  return textOf("imageStatus", status) ?? status;
}

/** A badge of an image that is not finished or has failed. @param {Image} image */
export function statusBadge(image) {
  const kind = isUnderWay(image) ? "going" : image.status === "FAILED" ? "bad" : "good";
  return h("span", { class: `badge ${kind}` }, statusText(image));
}

/** What its owner calls it, or else its file. @param {Image} image */
export function titleOf({ title, fileName }) {
  return title ?? fileName;
}

/** Why it failed, or was not processed anew, in a sentence. @param {Image} image */
export function reasonOf({ reason, lastFailure }) {
  const why = reason ?? lastFailure;
  return why ? why.message || why.code : "";
}

/** What its owner can do about it. @param {Image} image */
export function adviceOf({ reason }) {
  return textOf("imageAdvice", reason?.code ?? "") ?? textOf("imageAdvice", "other") ?? "";
}
