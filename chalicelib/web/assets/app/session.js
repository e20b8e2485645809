/** Who is signed in, and their tokens. A reload keeps them, and so do other tabs where the reader chose to stay. */

import { ApiError, call } from "./api.js";

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

/** Events: `changed` when somebody signed in or out, or the profile changed; `ended` when the tokens ended. */
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

  /** Reads who is signed in, after the page was loaded. */
  async resume() {
    addEventListener("storage", (event) => event.key === KEY && this.follow(event));
    if (this.isSignedIn) await this.readProfile();
  }

  /** What another tab did. @param {StorageEvent} event */
  follow(event) {
    const [before, after] = [event.oldValue, event.newValue].map((text) => text && JSON.parse(text).email);
    if (before !== after) location.reload();
  }

  /**
   * The API gave tokens.
   * @param {any} answer of sign_in or answer_challenge @param {string} email @param {boolean} stays in this browser
   */
  async begin(answer, email, stays) {
    const isOther = this.profile !== null && this.profile.email.toLowerCase() !== email.toLowerCase();
    this.store.removeItem(KEY);
    localStorage.setItem(STAY, stays ? "yes" : "no");
    this.keep(answer, answer.refreshToken, email);
    if (isOther) {
      // What is shown belongs to somebody else.
      location.reload();
      return;
    }
    await this.readProfile();
    for (const go of this.waiting.splice(0)) go(answer.accessToken);
  }

  /** @param {any} answer @param {string} refreshToken @param {string} email */
  keep(answer, refreshToken, email) {
    const expiresAt = Date.now() + answer.expiresIn * 1000;
    const tokens = { accessToken: answer.accessToken, refreshToken, expiresAt, email };
    this.store.setItem(KEY, JSON.stringify(tokens));
  }

  async readProfile() {
    const { profile } = await call("GET", "auth/profile");
    this.changeProfile(profile);
  }

  /** @param {Profile} profile */
  changeProfile(profile) {
    this.profile = profile;
    this.dispatchEvent(new Event("changed"));
  }

  /** Forgets the tokens; the API has been told, or cannot be. */
  end() {
    this.store.removeItem(KEY);
    this.profile = null;
    this.dispatchEvent(new Event("changed"));
  }

  /** A token that is valid now. Waits for the reader where the session has ended. @returns {Promise<string>} */
  async token() {
    const tokens = this.tokens;
    if (!tokens) return this.askAgain();
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
    return await navigator.locks.request("darkroom-refresh", async () => {
      const tokens = this.tokens;
      if (tokens && tokens.accessToken !== old) return tokens.accessToken;
      if (!tokens) return this.askAgain();
      try {
        const body = { refreshToken: tokens.refreshToken };
        const answer = await call("POST", "auth/refresh", { body, anonymous: true });
        this.keep(answer, tokens.refreshToken, tokens.email);
        return answer.accessToken;
      } catch (error) {
        if (!(error instanceof ApiError) || error.status >= 429) throw error;
        return this.askAgain();
      }
    });
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
