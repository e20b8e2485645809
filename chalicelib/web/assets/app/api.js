/** Calls of the API. Each goes to the server that sent this page, with the token of whoever is signed in. */

import { session } from "./session.js";
import { t } from "./texts.js";

/** Where the API begins: the page's own address. */
export const API = new URL(".", location.href);

/** The API's answer to a request that failed. */
export class ApiError extends Error {
  /** @param {number} status @param {any} body @param {number | null} retryAfter seconds */
  constructor(status, body, retryAfter) {
    super(body?.message ?? t("error.unexpected", { status }));
    this.status = status;
    /** @type {string} */
    this.code = body?.error?.code ?? "UNEXPECTED";
    /** @type {{field?: string, message?: string}[]} */
    this.details = Array.isArray(body?.error?.details) ? body.error.details : [];
    /** @type {string} */
    this.requestId = body?.requestId ?? "";
    this.retryAfter = retryAfter;
  }
}

/** No answer came: there is no network, or the server is away. */
export class UnreachableError extends Error {
  constructor() {
    super(t(navigator.onLine ? "error.unreachable" : "error.offline"));
  }
}

/**
 * @typedef {object} Options
 * @property {Record<string, string | number | boolean | null | undefined>} [query] what is null or "" is left out
 * @property {unknown} [body] sent as JSON
 * @property {string} [idempotencyKey] a request that is sent again with it does nothing twice
 * @property {AbortSignal} [signal]
 * @property {boolean} [anonymous] without a token
 * @property {string} [token] this one, instead of the session's
 */

/**
 * The answer to a request. Where the session has ended, it waits until the reader has signed in again.
 * @param {"GET" | "POST" | "PATCH" | "DELETE"} method
 * @param {string} path relative to the API, without a slash in front: `images/img_…`
 * @param {Options} [options]
 * @returns {Promise<any>}
 * @throws {ApiError | UnreachableError | DOMException}
 */
export async function call(method, path, options = {}) {
  if (options.anonymous || options.token) return read(await send(method, path, options, options.token ?? null));
  const token = await session.token();
  const response = await send(method, path, options, token);
  if (response.status !== 401) return read(response);
  return read(await send(method, path, options, await session.renew(token)));
}

/** @param {string} method @param {string} path @param {Options} options @param {string | null} token */
async function send(method, path, { query = {}, body, idempotencyKey, signal }, token) {
  const address = new URL(path, API);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") address.searchParams.set(name, String(value));
  }
  /** @type {Record<string, string>} */
  const headers = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (idempotencyKey) headers["Idempotency-Key"] = idempotencyKey;
  const content = body === undefined ? undefined : JSON.stringify(body);
  try {
    return await fetch(address, { method, headers, body: content, signal, credentials: "omit", redirect: "error" });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new UnreachableError();
  }
}

/** @param {Response} response */
async function read(response) {
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  const after = Number(response.headers.get("Retry-After"));
  throw new ApiError(response.status, body, after > 0 ? after : null);
}

/** A path with values that the reader or the API named: path`images/${id}`.
 * @param {TemplateStringsArray} texts @param {...(string | number)} values */
export function path(texts, ...values) {
  return String.raw({ raw: texts }, ...values.map((value) => encodeURIComponent(value)));
}
