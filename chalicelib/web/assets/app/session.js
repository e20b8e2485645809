/** Who is signed in, and their tokens. A reload keeps them, and so do other tabs where the reader chose to stay. */

import { ApiError, read, send } from "./requests.js";

/**
 * @typedef {object} Tokens
 * @property {string} accessToken
 * @property {string} refreshToken
 * @property {number} expiresAt milliseconds since 1970
 * @property {string} email
 */
/** @typedef {{userId: string, email: string, name: string, role: "USER" | "ADMIN", canExportData: boolean,
 *    preferences: Record<string, any>, createdAt: string, lastActionAt: string | null, mfaEnabled: boolean,
 *    webhookSecret: string, webhook?: {lastError: any}}} Profile */

const KEY = "darkroom-session";
const STAY = "darkroom-stay";
// A token that ends sooner is renewed before it is used.
const MARGIN = 30_000;
const FIRST_PAUSE = 2_000;
const LONGEST_PAUSE = 60_000;

/** Somebody else has signed in in another tab: nothing is done in their name before this page is loaded anew.
 * @type {Promise<string>} */
const NEVER = new Promise(() => {});

/**
 * Events: `changed` when somebody signed in, or the profile changed; `ended` when the tokens ended, and `resumed` when
 * the reader has signed in again, here or in another tab.
 */
class Session extends EventTarget {
  /** @type {Profile | null} */
  profile = null;
  /** @type {Promise<string> | null} */
  renewing = null;
  /** @type {((token: string) => void)[]} */
  waiting = [];

  /** @returns {Tokens | null} */
  get tokens() {
    const kept = this.store.getItem(KEY);
    return kept ? JSON.parse(kept) : null;
  }

  /** Where the tokens are kept: until the tab closes, or until the reader signs out. */
  get store() {
    return localStorage.getItem(STAY) === "no" ? sessionStorage : localStorage;
  }

  get isSignedIn() {
    return this.tokens !== null;
  }

  get isAdmin() {
    return this.profile?.role === "ADMIN";
  }

  /** Begins to follow what other tabs do. */
  follow() {
    addEventListener("storage", (event) => event.key === KEY && this.take(event));
  }

  /** Reads who is signed in where no view could, because the server was away. Tries until it is back. */
  resume(pause = FIRST_PAUSE) {
    if (!this.isSignedIn || this.profile) return;
    const again = () => this.resume(Math.min(pause * 2, LONGEST_PAUSE));
    setTimeout(() => this.profile ?? this.readProfile().catch(again), pause);
  }

  /** What another tab did. @param {StorageEvent} event */
  take(event) {
    const [before, after] = [event.oldValue, event.newValue].map((text) => text && JSON.parse(text));
    if (before?.email !== after?.email) location.reload();
    else if (after) this.goOn(after.accessToken);
  }

  /**
   * The API gave tokens.
   * @param {any} answer of sign_in or answer_challenge @param {string} email @param {boolean} stays in this browser
   */
  async begin(answer, email, stays) {
    const isOther = this.isOther(email);
    localStorage.setItem(STAY, stays ? "yes" : "no");
    this.keep(answer, answer.refreshToken, email);
    (stays ? sessionStorage : localStorage).removeItem(KEY);
    if (isOther) {
      // What is shown belongs to somebody else.
      location.reload();
      return;
    }
    await this.readProfile();
    this.goOn(answer.accessToken);
  }

  /** What waited for the reader goes on. @param {string} token */
  goOn(token) {
    for (const go of this.waiting.splice(0)) go(token);
    this.dispatchEvent(new Event("resumed"));
  }

  /** Whether that is somebody else than whose views are shown. @param {string} email */
  isOther(email) {
    return this.profile !== null && this.profile.email.toLowerCase() !== email.toLowerCase();
  }

  /** @param {any} answer @param {string} refreshToken @param {string} email */
  keep(answer, refreshToken, email) {
    const expiresAt = Date.now() + answer.expiresIn * 1000;
    const tokens = { accessToken: answer.accessToken, refreshToken, expiresAt, email };
    this.store.setItem(KEY, JSON.stringify(tokens));
  }

  async readProfile() {
    const { profile } = await read(await this.withToken((token) => send("GET", "auth/profile", {}, token)));
    this.changeProfile(profile);
  }

  /** @param {Profile} profile */
  changeProfile(profile) {
    this.profile = profile;
    this.dispatchEvent(new Event("changed"));
  }

  /** Nobody is signed in here any more: the welcome page is loaded, and nothing of theirs stays in memory. */
  leave() {
    this.store.removeItem(KEY);
    history.replaceState(null, "", "#/");
    location.reload();
  }

  /**
   * The response to a request with a token; once more with a new one if the first is refused.
   * @param {(token: string) => Promise<Response>} request
   * @returns {Promise<Response>}
   */
  async withToken(request) {
    const token = await this.token();
    const response = await request(token);
    return response.status === 401 ? request(await this.renew(token)) : response;
  }

  /** A token that is valid now. Waits for the reader where the session has ended. @returns {Promise<string>} */
  async token() {
    const tokens = this.tokens;
    if (!tokens) return this.askAgain();
    if (this.isOther(tokens.email)) return NEVER;
    return tokens.expiresAt - Date.now() > MARGIN ? tokens.accessToken : this.renew(tokens.accessToken);
  }

  /**
   * A token other than this one, which the API refused or which ends.
   * @param {string} old @returns {Promise<string>}
   */
  renew(old) {
    this.renewing ??= this.refresh(old).finally(() => (this.renewing = null));
    return this.renewing;
  }

  /** @param {string} old @returns {Promise<string>} */
  async refresh(old) {
    // One tab after the other: the second one finds the first one's token.
    const token = await navigator.locks.request("darkroom-refresh", () => this.exchange(old));
    const tokens = this.tokens;
    if (tokens && this.isOther(tokens.email)) return NEVER;
    return token ?? this.askAgain();
  }

  /** A newer token; null where the session has ended. @param {string} old @returns {Promise<string | null>} */
  async exchange(old) {
    const tokens = this.tokens;
    if (!tokens || tokens.accessToken !== old) return tokens && tokens.accessToken;
    try {
      const body = { refreshToken: tokens.refreshToken };
      const answer = await read(await send("POST", "auth/refresh", { body }, null));
      this.keep(answer, tokens.refreshToken, tokens.email);
      return answer.accessToken;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status >= 429) throw error;
      return null;
    }
  }

  /** The session has ended: the reader is asked to sign in, over what they were doing. @returns {Promise<string>} */
  askAgain() {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.dispatchEvent(new Event("ended"));
    });
  }
}

export const session = new Session();
