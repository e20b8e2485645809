/** Requests to the server that sent this page, and what they fail with. */

import { t } from "./texts.js";

/** Where the API begins: the page's own address. */
export const API = new URL(".", location.href);

/** Whether Darkroom runs on the reader's own machine: no e-mail leaves it, and any code works. */
export const IS_LOCAL = ["localhost", "127.0.0.1", "[::1]"].includes(API.hostname);

/** The API's answer to a request that failed. */
export class ApiError extends Error {
  /** @param {number} status @param {any} body @param {number | null} retryAfter seconds */
  constructor(status, body, retryAfter) {
    super(body?.message ?? t("error.unexpected", { status }));
    this.status = status;
    /** @type {string} */
    this.code = body?.error?.code ?? "UNEXPECTED";
    /** @type {string} the class of the error: more exact than its code */
    this.type = body?.error?.type ?? "";
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
 * Sends a request, with this token or without one.
 * @param {string} method @param {string} path @param {Options} options @param {string | null} token
 * @returns {Promise<Response>}
 * @throws {UnreachableError | DOMException}
 */
export async function send(method, path, { query = {}, body, idempotencyKey, signal }, token) {
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

/** What a response holds. @param {Response} response @returns {Promise<any>} @throws {ApiError} */
export async function read(response) {
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  const after = Number(response.headers.get("Retry-After"));
  throw new ApiError(response.status, body, after > 0 ? after : null);
}
