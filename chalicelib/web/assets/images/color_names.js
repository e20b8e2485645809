/** Colors in words: "dark blue". */

import { textOf } from "../app/texts.js";

// The first degree behind each hue on the color circle.
const HUES = /** @type {[number, string][]} */ ([
  [14, "red"],
  [40, "orange"],
  [68, "yellow"],
  [160, "green"],
  [198, "turquoise"],
  [255, "blue"],
  [290, "violet"],
  [345, "pink"],
  [361, "red"],
]);

const LIGHT = 0.7;

/** The name of a color, like #1a2b3c. @param {string} hex */
export function colorName(hex) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255);
  const [most, least] = [Math.max(red, green, blue), Math.min(red, green, blue)];
  const lightness = (most + least) / 2;
  const chroma = most - least;
  if (lightness < 0.08) return word("black");
  if (lightness > 0.95) return word("white");
  const tone = lightness < 0.33 ? "dark" : lightness > LIGHT ? "light" : "plain";
  return word(tone).replace("{color}", word(chroma < 0.09 ? "gray" : hueOf(red, green, blue, most, chroma, lightness)));
}

/** @param {number} red @param {number} green @param {number} blue @param {number} most @param {number} chroma
 * @param {number} lightness */
function hueOf(red, green, blue, most, chroma, lightness) {
  const sixth =
    most === red ? (green - blue) / chroma : most === green ? 2 + (blue - red) / chroma : 4 + (red - green) / chroma;
  const hue = (sixth * 60 + 360) % 360;
  // Dark orange is what people call brown, and light red pink.
  if (hue >= 14 && hue < 50 && lightness < 0.45) return "brown";
  const name = HUES.find(([end]) => hue < end)?.[1] ?? "red";
  return name === "red" && lightness > LIGHT ? "pink" : name;
}

/** @param {string} code */
function word(code) {
  return textOf("color", code) ?? code;
}
