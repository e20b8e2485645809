/** Calls of the API with the token of whoever is signed in. */

import { read, send } from "./requests.js";
import { session } from "./session.js";

export { API, ApiError, IS_LOCAL, UnreachableError } from "./requests.js";

/**
 * The answer to a request. Where the session has ended, it waits until the reader has signed in again.
 * @param {"GET" | "POST" | "PATCH" | "DELETE"} method
 * @param {string} path relative to the API, without a slash in front: `images/img_…`
 * @param {import("./requests.js").Options} [options]
 * @returns {Promise<any>}
 * @throws {import("./requests.js").ApiError | import("./requests.js").UnreachableError | DOMException}
 */
export async function call(method, path, options = {}) {
  if (options.anonymous || options.token) return read(await send(method, path, options, options.token ?? null));
  return read(await session.withToken((token) => send(method, path, options, token)));
}

/** A path with values that the reader or the API named: path`images/${id}`.
 * @param {TemplateStringsArray} texts @param {...(string | number)} values */
export function path(texts, ...values) {
  return String.raw({ raw: texts }, ...values.map((value) => encodeURIComponent(value)));
}

/**
 * Idempotency keys of a form: sent again unchanged, as after a lost answer, it has the same key.
 * @returns {(body: unknown) => string}
 */
export function idempotencyKeys() {
  let last = "";
  let key = "";
  return (body) => {
    const now = JSON.stringify(body);
    if (now !== last) [last, key] = [now, crypto.randomUUID()];
    return key;
  };
}
