/** All views: the address of each, whom it is for, and where it stands in the navigation. */

/**
 * @typedef {object} Place what a view is shown with
 * @property {Record<string, string>} params of the address: of `images/:imageId`
 * @property {URLSearchParams} query what stands behind the question mark
 * @property {AbortSignal} signal aborted when the reader goes elsewhere
 */
/**
 * @typedef {object} View
 * @property {string} address behind the #/
 * @property {import("./texts.js").Key} title
 * @property {"anyone" | "user" | "admin"} for
 * @property {import("./icons.js").Icon} [icon] with one it stands in the navigation
 * @property {() => Promise<{show: (place: Place) => Node | Promise<Node>}>} load
 */

/** @type {View[]} */
export const VIEWS = [
  { address: "", title: "welcome.title", for: "anyone", load: () => import("../views/welcome.js") },
  { address: "images", title: "nav.images", for: "user", icon: "images", load: () => import("../views/gallery.js") },
];
