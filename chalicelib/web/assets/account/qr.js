/** A text as a QR code, drawn as one path. */

import { encode } from "../vendor/uqr.js";

const SVG = "http://www.w3.org/2000/svg";
// ISO/IEC 18004: four light modules on each side.
const BORDER = 4;

/** @param {string} text @param {string} label what it says to who does not see it */
export function drawQrCode(text, label) {
  const { size, data } = encode(text, { border: BORDER });
  const squares = data.flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : "")));
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  svg.setAttribute("class", "qr");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  svg.setAttribute("shape-rendering", "crispEdges");
  path.setAttribute("d", squares.join(""));
  svg.append(path);
  return svg;
}
