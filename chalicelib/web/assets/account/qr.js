/** A text as a QR code, drawn as one path. */

import { svg } from "../shared/dom.js";
import { encode } from "../vendor/uqr.js";

// ISO/IEC 18004: four light modules on each side.
const BORDER = 4;

/** @param {string} text @param {string} label what it says to who does not see it */
export function drawQrCode(text, label) {
  const { size, data } = encode(text, { border: BORDER });
  const squares = data.flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : "")));
  const look = { viewBox: `0 0 ${size} ${size}`, class: "qr", "shape-rendering": "crispEdges" };
  return svg("svg", { ...look, role: "img", "aria-label": label }, svg("path", { d: squares.join("") }));
}
