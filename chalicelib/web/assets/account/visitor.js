/** What somebody who is not signed in has typed, so that going from form to form, back, or a reload loses nothing. */

const KEY = "darkroom-visitor";

/**
 * @typedef {object} Kept until the tab is closed, or somebody signs in
 * @property {string} [email]
 * @property {string} [name]
 * @property {string} [next] the address that led here
 * @property {number} [sentAt] when a code was sent last: milliseconds since 1970
 * @property {"verified" | "changed" | "erased"} [news] what has just been done
 */

class Visitor {
  /** The password that was just typed, for signing in after the code. It is nowhere but in memory. */
  password = "";

  /** @returns {Kept} */
  get kept() {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
  }

  /** @param {Kept} values */
  keep(values) {
    sessionStorage.setItem(KEY, JSON.stringify({ ...this.kept, ...values }));
  }

  forget() {
    this.password = "";
    sessionStorage.removeItem(KEY);
  }

  /** Takes what has just been done: it is said once. */
  takeNews() {
    const { news } = this.kept;
    this.keep({ news: undefined });
    return news;
  }
}

export const visitor = new Visitor();
