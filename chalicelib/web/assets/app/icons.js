/** The page's icons: lines of a 24 × 24 drawing in the color of the text beside them. */

import { svg } from "../base/dom.js";

const PATHS = {
  images: "M4 5h16v14H4z M4 16l5-5 4 4 3-3 4 4 M15.5 9.5h.01",
  upload: "M12 16V5 M7 9.5 12 4.5l5 5 M4 15v4.5h16V15",
  actions: "M13 3 5 14h6l-1 7 8-11h-6z",
  exports: "M12 4v11 M7 10.5l5 5 5-5 M4 15v4.5h16V15",
  keys: "M14.5 9.5a4.5 4.5 0 1 0-3.6 4.4L13 16h2v2h2v2h3v-3l-5.9-5.9c.3-.5.4-1 .4-1.6z M9 8.5h.01",
  usage: "M4 20h16 M6.5 16v-4 M11 16V6 M15.5 16v-7 M20 16v-2",
  account: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8z M4.5 20.5c.7-4 3.8-6 7.5-6s6.8 2 7.5 6",
  users:
    "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z M2.5 20c.5-3.7 3-5.5 6.5-5.500s6 1.8 6.5 5.5 " +
    "M16 4.500a3.5 3.5 0 0 1 0 6.5 M18 15c2 .7 3.2 2.4 3.5 5",
  reports: "M6 3h9l4 4v14H6z M14 3v5h5 M9 13h7 M9 17h5",
  syncs: "M20 6v5h-5 M4 18v-5h5 M19 11a7.5 7.5 0 0 0-13-4.5 M5 13a7.5 7.5 0 0 0 13 4.5",
  audit: "M12 3 5 6v5.500c0 4.3 2.9 7.7 7 9.5 4.1-1.8 7-5.2 7-9.500V6z M9 12l2.2 2.200L15.5 10",
  health: "M3 12h4l2.5-6 4 12 2.5-6h5",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13z M15.5 15.5 20.5 20.5",
  close: "M6 6l12 12 M18 6 6 18",
  menu: "M4 7h16 M4 12h16 M4 17h16",
  back: "M14.5 5.5 8 12l6.5 6.5",
  next: "M9.5 5.5 16 12l-6.5 6.5",
  more: "M6 12h.01 M12 12h.01 M18 12h.01",
  check: "M5 12.5 10 17.5 19.5 7",
  circle: "M12 19.500a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15z",
  warning: "M12 4 2.8 20h18.400z M12 10v4.5 M12 17.200h.01",
  clock: "M12 20.500a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17z M12 7.500V12l3 2",
  trash: "M4.5 7h15 M9.5 7V4.500h5V7 M6.5 7l1 13h9l1-13 M10 11v5.5 M14 11v5.5",
  copy: "M9 9h11v11H9z M15 9V4H4v11h5",
  pause: "M8.5 5.500v13 M15.5 5.500v13",
  play: "M8 5.500v13l10.5-6.500z",
  retry: "M19.5 5v5h-5 M19 10A7.5 7.5 0 1 0 19.5 14",
  camera: "M4 8h3.500L9 5.500h6L16.5 8H20v11H4z M12 16.500a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.400z",
  sun:
    "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8z M12 2.500v2 M12 19.500v2 M2.5 12h2 " +
    "M19.5 12h2 M5.3 5.300l1.4 1.4 M17.3 17.300l1.4 1.4 M5.3 18.700l1.4-1.4 M17.3 6.700l1.4-1.4",
  moon: "M20 14.500A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.500z",
  external: "M13 5h6v6 M19 5l-8.5 8.5 M10 6H5v13h13v-5",
  tag: "M4 4h8l8.5 8.5-8 8L4 12z M8.5 8.500h.01",
  focus: "M12 15.500a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z M12 3v3 M12 18v3 M3 12h3 M18 12h3",
  edit: "M4.5 19.500l1-4L16 5l3 3L8.5 18.500z M14 7l3 3",
};

/** @typedef {keyof typeof PATHS} Icon */

/** @param {Icon} name @param {string} [label] for readers of the screen, where no text says the same beside it */
export function icon(name, label) {
  const said = label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" };
  return svg("svg", { viewBox: "0 0 24 24", class: "icon", ...said }, svg("path", { d: PATHS[name] }));
}
