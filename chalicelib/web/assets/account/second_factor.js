/** The second factor: an authenticator app is enrolled by a QR code, confirmed by its first code, and turned off. */

import { call } from "../app/api.js";
import { buildForm } from "../app/forms.js";
import { copyButton, toast } from "../app/notices.js";
import { session } from "../app/session.js";
import { failure, waiting } from "../app/states.js";
import { t } from "../app/texts.js";
import { h, svg } from "../base/dom.js";
import { replaceSelf } from "./cards.js";
import { codeField, plainCode } from "./codes.js";

/** @typedef {import("../app/session.js").Profile} Profile */

// ISO/IEC 18004: four light modules on each side.
const BORDER = 4;

/** @param {Profile} profile @returns {HTMLElement} */
export function secondFactorCard(profile) {
  const isOn = profile.mfaEnabled;
  const replace = replaceSelf(() => card, secondFactorCard);
  const badge = h("span", { class: isOn ? "badge good" : "badge" }, t(isOn ? "factor.isOn" : "factor.isOff"));
  const place = h("div", { class: "of-factor" });
  const begin = () => (isOn ? turnOff(place, first, replace) : enrol(place, first, replace));
  const button = h("button", { type: "button", onclick: begin }, t(isOn ? "factor.off" : "factor.on"));
  const first = () => place.replaceChildren(h("p", { class: "actions" }, button));
  first();
  const lead = h("p", { class: "soft" }, t(isOn ? "factor.onText" : "factor.offText"));
  const card = h("section", { class: "card" }, h("h2", null, t("factor.title"), " ", badge), lead, place);
  return card;
}

/** @param {boolean} isOn @param {(profile: Profile) => void} replace */
async function changed(isOn, replace) {
  const profile = { .../** @type {Profile} */ (session.profile), mfaEnabled: isOn };
  session.changeProfile(profile);
  replace(profile);
  toast(t(isOn ? "factor.nowOn" : "factor.nowOff"));
}

/** @param {() => void} back */
function cancelButton(back) {
  return h("button", { type: "button", class: "plain", onclick: back }, t("action.cancel"));
}

/** @param {HTMLElement} place @param {() => void} back @param {(profile: Profile) => void} replace */
async function enrol(place, back, replace) {
  place.replaceChildren(waiting());
  try {
    const [answer, { encode }] = await Promise.all([call("POST", "auth/mfa/enrol"), import("../vendor/uqr.js")]);
    const code = drawSquares(encode(answer.otpauthUri, { border: BORDER }), t("factor.qr"));
    const form = confirmForm(back, replace);
    place.replaceChildren(h("div", { class: "enrol" }, code, secretText(answer)), form);
    form.querySelector("input")?.focus({ preventScroll: true });
  } catch (error) {
    place.replaceChildren(failure(error, () => enrol(place, back, replace)));
  }
}

/** For who cannot scan: the secret to type or copy, and a link for an app on this device. @param {any} answer */
function secretText({ secret, otpauthUri }) {
  const groups = secret.match(/.{1,4}/g).join(" ");
  return h(
    "div",
    null,
    h("p", null, t("factor.scan")),
    h("p", { class: "soft small" }, t("factor.secret")),
    h("p", null, h("code", { class: "secret" }, groups)),
    h(
      "p",
      { class: "actions" },
      copyButton(secret),
      h("a", { class: "button plain", href: otpauthUri }, t("factor.open")),
    ),
  );
}

/** @param {() => void} back @param {(profile: Profile) => void} replace */
function confirmForm(back, replace) {
  return buildForm({
    fields: [codeField("code", t("factor.codeHint"))],
    submit: t("factor.confirm"),
    actions: [cancelButton(back)],
    places: { WRONG_CODE: "code" },
    send: async ({ code }) => {
      await call("POST", "auth/mfa/confirm", { body: { code: plainCode(code) } });
      await changed(true, replace);
    },
  });
}

/** @param {HTMLElement} place @param {() => void} back @param {(profile: Profile) => void} replace */
function turnOff(place, back, replace) {
  const attributes = { autocomplete: "current-password", required: true, maxlength: 256 };
  const form = buildForm({
    fields: [
      { name: "password", label: t("field.password"), type: "password", attributes },
      codeField("code", t("code.hint")),
    ],
    submit: t("factor.off"),
    isDangerous: true,
    actions: [cancelButton(back)],
    places: { WRONG_CODE: "code", WRONG_PASSWORD: "password" },
    send: async ({ password, code }) => {
      await call("DELETE", "auth/mfa", { body: { password, code: plainCode(code) } });
      await changed(false, replace);
    },
  });
  place.replaceChildren(form);
  form.querySelector("input")?.focus();
}

/**
 * A QR code, as one path.
 * @param {{size: number, data: boolean[][]}} code @param {string} label what it says to who does not see it
 */
function drawSquares({ size, data }, label) {
  const squares = data.flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : "")));
  const look = { viewBox: `0 0 ${size} ${size}`, class: "qr", "shape-rendering": "crispEdges" };
  return svg("svg", { ...look, role: "img", "aria-label": label }, svg("path", { d: squares.join("") }));
}
