/** The cards of the account replace themselves when something has changed. */

/** @typedef {import("../app/session.js").Profile} Profile */

/**
 * Draws a card anew; the focus goes to its heading.
 * @param {() => HTMLElement} card @param {(profile: Profile) => HTMLElement} draw
 */
export function replaceSelf(card, draw) {
  return (/** @type {Profile} */ profile) => {
    const next = draw(profile);
    const heading = next.querySelector("h2");
    heading?.setAttribute("tabindex", "-1");
    card().replaceWith(next);
    heading?.focus({ preventScroll: true });
  };
}
