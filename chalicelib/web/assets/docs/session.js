/** The reader's own token, for trying operations. It is kept for this tab alone and sent to this server alone. */

import { API } from "./contract.js";
import { byId } from "../base/dom.js";

/** @typedef {import("./contract.js").Contract} Contract */

const TOKEN = "darkroom-token";
const NAME = "darkroom-name";
const CHALLENGES = {
  NEW_PASSWORD_REQUIRED: ["This account needs a new password before it can sign in.", "New password", "password"],
  SOFTWARE_TOKEN_MFA: [
    "This account has a second factor: enter the code that your authenticator shows.",
    "Code",
    "text",
  ],
};

export class Session {
  /** @param {Contract} contract */
  constructor(contract) {
    this.contract = contract;
    this.dialog = /** @type {HTMLDialogElement} */ (byId("sign-in"));
    this.challenge = { challenge: "", session: "" };
    this.email = "";
    // Without these operations a token can only be pasted.
    byId("password-form").hidden = !contract.find("sign_in");
    byId("account").addEventListener("click", () => (this.token ? this.forget() : this.open()));
    byId("sign-in-close").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", () => this.reset());
    on("password-form", ({ email, password }) => this.signIn(email, password));
    on("challenge-form", ({ answer }) => this.answer(answer));
    on("token-form", ({ token }) =>
      this.use(token.trim(), token.trim().startsWith("drk_") ? "API key" : "access token"),
    );
    this.show();
  }

  get token() {
    return sessionStorage.getItem(TOKEN);
  }

  open() {
    this.dialog.showModal();
  }

  /** @param {string} token @param {string} name whose it is, for the reader */
  use(token, name) {
    if (!/^[\x21-\x7e]+$/.test(token)) {
      this.fail("A token has visible ASCII characters only, and no spaces.");
      return;
    }
    sessionStorage.setItem(TOKEN, token);
    sessionStorage.setItem(NAME, name);
    this.dialog.close();
    this.show();
  }

  forget() {
    sessionStorage.removeItem(TOKEN);
    sessionStorage.removeItem(NAME);
    this.show();
  }

  /** @param {string} email @param {string} password */
  async signIn(email, password) {
    this.email = email;
    this.take(await this.post("sign_in", { email, password }));
  }

  /** @param {string} answer */
  async answer(answer) {
    this.take(await this.post("answer_challenge", { ...this.challenge, answer }));
  }

  /** The tokens are there, or there is a challenge to answer first. @param {any} response */
  take(response) {
    if (response?.accessToken) {
      this.use(response.accessToken, this.email);
    } else if (response?.challenge) {
      this.ask(response);
    } else if (response) {
      this.fail(response.message ?? "The server gave no token.");
    }
  }

  /** @param {{challenge: string, session: string}} response */
  ask({ challenge, session }) {
    const known = CHALLENGES[/** @type {"SOFTWARE_TOKEN_MFA"} */ (challenge)];
    const [sentence, label, type] = known ?? [`The server asks: ${challenge}.`, "Answer", "text"];
    this.challenge = { challenge, session };
    byId("challenge").textContent = sentence;
    byId("challenge-label").textContent = label;
    byId("password-form").hidden = byId("token-form").hidden = true;
    byId("challenge-form").hidden = false;
    const input = byId("challenge-form").elements.answer;
    input.type = type;
    input.focus();
  }

  /** @param {string} id of the operation @param {Record<string, string>} body */
  async post(id, body) {
    this.fail("");
    const operation = this.contract.find(id);
    try {
      const response = await fetch(new URL((operation?.path ?? "").slice(1), API), {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
        credentials: "omit",
        redirect: "error",
      });
      return await response.json();
    } catch {
      this.fail("The server did not answer. Try again.");
      return null;
    }
  }

  /** @param {string} message */
  fail(message) {
    byId("sign-in-error").textContent = message;
  }

  reset() {
    this.fail("");
    for (const id of ["password-form", "challenge-form", "token-form"]) byId(id).reset();
    byId("challenge-form").hidden = true;
    byId("password-form").hidden = !this.contract.find("sign_in");
    byId("token-form").hidden = false;
  }

  show() {
    const button = byId("account");
    button.textContent = this.token ? `Forget ${sessionStorage.getItem(NAME)}` : "Sign in";
    document.body.classList.toggle("signed-in", Boolean(this.token));
  }
}

/**
 * Takes what is entered into a form, without leaving the page.
 * @param {string} id
 * @param {(fields: Record<string, string>) => any} submit
 */
function on(id, submit) {
  const form = byId(id);
  form.addEventListener("submit", async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    await submit(/** @type {Record<string, string>} */ (Object.fromEntries(new FormData(form))));
    button.disabled = false;
  });
}
