// Prints the text of a QR code. Arguments: a file of RGBA bytes, its width and its height in pixels.
import { readFileSync } from "node:fs";
import jsqr from "jsqr";

const [file, width, height] = process.argv.slice(2);
const found = jsqr(new Uint8ClampedArray(readFileSync(file)), Number(width), Number(height));
console.log(found?.data ?? "");
