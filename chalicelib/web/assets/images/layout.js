/** Rows of pictures that keep their shapes: each row fills the width, and all pictures of a row have one height. */

/** @typedef {{top: number, height: number, start: number, widths: number[]}} Row pixels; `start` is the first place */

// Beyond these a picture is shown cropped: a panorama would fill a row, a strip would be too narrow to see.
const NARROWEST = 0.55;
const WIDEST = 2.4;
const SQUARE = 1;

/** Width by height of an image as it is shown. @param {import("./collection.js").Image} image */
export function shapeOf({ variants, metadata }) {
  const [width, height] = variants[0]?.dimensions.split("x").map(Number) ?? [metadata.width, metadata.height];
  const shape = width > 0 && height > 0 ? width / height : SQUARE;
  return Math.min(WIDEST, Math.max(NARROWEST, shape));
}

/**
 * The rows of pictures of these shapes. A row is as high as `target` or less; the last one is not stretched.
 * @param {number[]} shapes @param {number} width of a row @param {number} target height @param {number} gap
 * @returns {{rows: Row[], height: number}}
 */
export function layRows(shapes, width, target, gap) {
  /** @type {Row[]} */
  const rows = [];
  let top = 0;
  for (let start = 0; start < shapes.length;) {
    let end = start;
    let shape = 0;
    let height = Infinity;
    while (end < shapes.length && height > target) {
      shape += shapes[end];
      end += 1;
      height = (width - gap * (end - start - 1)) / shape;
    }
    height = Math.min(height, target);
    const widths = shapes.slice(start, end).map((each) => Math.floor(each * height * 100) / 100);
    rows.push({ top, height, start, widths });
    top += height + gap;
    start = end;
  }
  return { rows, height: Math.max(0, top - gap) };
}

/** The rows that are seen between two heights, as the first place and the one behind the last.
 * @param {Row[]} rows @param {number} from @param {number} to @returns {[number, number]} */
export function rowsBetween(rows, from, to) {
  const first = rows.findIndex(({ top, height }) => top + height >= from);
  if (first < 0) return [0, 0];
  const end = rows.findIndex(({ top }, place) => place >= first && top > to);
  return [first, end < 0 ? rows.length : end];
}

/** The row of the image at that place. @param {Row[]} rows @param {number} place */
export function rowOf(rows, place) {
  return rows.findIndex(({ start, widths }) => place >= start && place < start + widths.length);
}

/** The place in another row that lies nearest below or above one. @param {Row[]} rows @param {number} place
 * @param {number} steps rows further down, or up where it is negative @param {number} gap */
export function placeBeside(rows, place, steps, gap) {
  const at = rowOf(rows, place);
  const other = rows[Math.max(0, Math.min(rows.length - 1, at + steps))];
  if (at < 0 || !other) return place;
  const middles = (/** @type {Row} */ row) => {
    let left = 0;
    return row.widths.map((width) => {
      const middle = left + width / 2;
      left += width + gap;
      return middle;
    });
  };
  const middle = middles(rows[at])[place - rows[at].start];
  const distances = middles(other).map((each) => Math.abs(each - middle));
  return other.start + distances.indexOf(Math.min(...distances));
}
