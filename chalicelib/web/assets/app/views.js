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
  { address: "sign-up", title: "signUp.title", for: "anyone", load: () => import("../views/sign_up.js") },
  { address: "verify", title: "verify.title", for: "anyone", load: () => import("../views/verify.js") },
  { address: "forgot", title: "forgot.title", for: "anyone", load: () => import("../views/forgot.js") },
  { address: "reset", title: "reset.title", for: "anyone", load: () => import("../views/reset.js") },
  { address: "images", title: "nav.images", for: "user", icon: "images", load: () => import("../views/gallery.js") },
  { address: "images/:imageId", title: "image.view", for: "user", load: () => import("../views/image.js") },
  { address: "uploads", title: "nav.uploads", for: "user", icon: "upload", load: () => import("../views/uploads.js") },
  { address: "actions", title: "nav.actions", for: "user", icon: "actions", load: () => import("../views/actions.js") },
  { address: "actions/:actionId", title: "action.title", for: "user", load: () => import("../views/action.js") },
  { address: "exports", title: "nav.exports", for: "user", icon: "exports", load: () => import("../views/exports.js") },
  { address: "usage", title: "nav.usage", for: "user", icon: "usage", load: () => import("../views/usage.js") },
  { address: "usage/everyone", title: "nav.usage", for: "admin", load: () => import("../views/everyone.js") },
  { address: "keys", title: "keys.title", for: "user", icon: "keys", load: () => import("../views/keys.js") },
  {
    address: "account",
    title: "account.title",
    for: "user",
    icon: "account",
    load: () => import("../views/account.js"),
  },
  { address: "users", title: "nav.users", for: "admin", icon: "users", load: () => import("../views/users.js") },
  {
    address: "reports",
    title: "nav.reports",
    for: "admin",
    icon: "reports",
    load: () => import("../views/reports.js"),
  },
  { address: "reports/:actionId", title: "reports.title", for: "admin", load: () => import("../views/report.js") },
  { address: "syncs", title: "nav.syncs", for: "admin", icon: "syncs", load: () => import("../views/syncs.js") },
  { address: "audit", title: "nav.audit", for: "admin", icon: "audit", load: () => import("../views/audit.js") },
  { address: "health", title: "nav.health", for: "admin", icon: "health", load: () => import("../views/health.js") },
];
