/** Plots of bars. Beside each stands a table with the same numbers. */

import { h, scrolled, svg } from "../base/dom.js";
import { t } from "./texts.js";

/** @typedef {{label: string, values: number[], format: (value: number) => string, color?: string}} Series */

const HEIGHT = 220;
// Room for the numbers at the left, half a line above, and the labels below.
const LEFT = 64;
const TOP = 8;
const BOTTOM = 24;
const BASE = HEIGHT - BOTTOM;
const LINES = 4;
const WIDEST_BAR = 48;
// About the width of a letter, in pixels.
const LETTER = 7;

/**
 * Bars over labels, like days.
 * @param {string} title @param {string[]} labels @param {Series[]} series @param {AbortSignal} signal
 * @param {{isBeside?: boolean}} [look] two series stand beside each other; else the second is a part of the first
 * @returns {HTMLElement}
 */
export function barPlot(title, labels, series, signal, { isBeside = false } = {}) {
  const canvas = h("div", { class: "canvas", "aria-hidden": "true" });
  const legend = h("p", { class: "legend", "aria-hidden": "true" });
  /** @param {number | null} place that the reader points to */
  const say = (place) => legend.replaceChildren(...legendParts(labels, series, place));
  const draw = () => {
    // What is not shown, as in a closed tab, has no width.
    const width = canvas.clientWidth;
    if (width > 0) canvas.replaceChildren(drawPlot(width, labels, series, isBeside));
  };
  canvas.addEventListener("pointermove", (event) => say(placeAt(event, canvas, labels.length)));
  canvas.addEventListener("pointerleave", () => say(null));
  const size = new ResizeObserver(draw);
  size.observe(canvas);
  signal.addEventListener("abort", () => size.disconnect());
  say(null);
  const parts = [canvas, legend, numbers(title, labels, series)];
  return h("figure", { class: "plot" }, h("figcaption", null, title), parts);
}

/** @param {PointerEvent} event @param {HTMLElement} canvas @param {number} count */
function placeAt(event, canvas, count) {
  const { left, width } = canvas.getBoundingClientRect();
  const place = Math.floor(((event.clientX - left - LEFT) / (width - LEFT)) * count);
  return place >= 0 && place < count ? place : null;
}

/** @param {string[]} labels @param {Series[]} series @param {number | null} place */
function legendParts(labels, series, place) {
  const entries = series.map((each, index) => {
    const swatch = h("span", { class: "swatch" });
    swatch.style.backgroundColor = colorOf(each, index);
    return h("span", null, swatch, each.label, place !== null && h("strong", null, each.format(each.values[place])));
  });
  return place === null ? entries : [h("span", null, labels[place]), ...entries];
}

/** @param {Series} series @param {number} index */
function colorOf({ color }, index) {
  return `var(${color ?? (index === 0 ? "--accent" : "--second")})`;
}

/** @param {number} width @param {string[]} labels @param {Series[]} series @param {boolean} isBeside */
function drawPlot(width, labels, series, isBeside) {
  const most = Math.max(0, ...series.flatMap(({ values }) => values));
  const step = roundUp(most / LINES || 1);
  const top = step * Math.max(1, Math.ceil(most / step));
  const column = (width - LEFT) / labels.length;
  const height = (/** @type {number} */ value) => (value / top) * (BASE - TOP);
  return svg(
    "svg",
    { width, height: HEIGHT },
    gridLines(width, step, top, height, series[0].format),
    series.map((each, index) => bars(each, index, isBeside ? series.length : 1, column, height)),
    names(labels, column),
  );
}

/** The next of 1, 2, 2.5, 5 and 10 times a power of ten, so that lines stand at round numbers. @param {number} value */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 2.5, 5, 10].find((each) => each * power >= value * 0.999) ?? 10);
}

/** @param {number} width @param {number} step @param {number} top @param {(value: number) => number} height
 * @param {(value: number) => string} format */
function gridLines(width, step, top, height, format) {
  const values = Array.from({ length: Math.round(top / step) + 1 }, (_, place) => place * step);
  return values.flatMap((value) => {
    const y = BASE - height(value);
    return [
      svg("line", { class: "scale", x1: LEFT, x2: width, y1: y, y2: y }),
      svg("text", { x: LEFT - 8, y: y + 4, "text-anchor": "end" }, format(value)),
    ];
  });
}

/** The bars of one series, of which several stand in a column. @param {Series} series @param {number} index
 * @param {number} beside how many @param {number} column pixels @param {(value: number) => number} height */
function bars(series, index, beside, column, height) {
  const width = Math.max(1, Math.min(WIDEST_BAR, (column * 0.7) / beside));
  const shift = (column - width * beside) / 2 + (beside > 1 ? index * width : 0);
  const rects = series.values.map((value, place) => {
    const size = height(value);
    return svg("rect", { x: LEFT + place * column + shift, y: BASE - size, width, height: size });
  });
  const group = svg("g", {}, rects);
  group.style.fill = colorOf(series, index);
  return group;
}

/** As many labels as stand side by side. @param {string[]} labels @param {number} column pixels */
function names(labels, column) {
  const widest = Math.max(50, ...labels.map((label) => (label.length + 1) * LETTER));
  const step = Math.ceil(widest / column);
  return labels.map((label, place) => {
    const fits = place % step === 0 && (labels.length - place) * column > widest / 2;
    return fits && svg("text", { x: LEFT + (place + 0.5) * column, y: HEIGHT - 6, "text-anchor": "middle" }, label);
  });
}

/** @param {string} title @param {string[]} labels @param {Series[]} series */
function numbers(title, labels, series) {
  const head = h("tr", null, h("td"), ...series.map(({ label }) => h("th", { scope: "col" }, label)));
  const rows = labels.map((label, place) =>
    h(
      "tr",
      null,
      h("th", { scope: "row" }, label),
      series.map((each) => h("td", null, each.format(each.values[place]))),
    ),
  );
  const table = h("table", { "aria-label": title }, h("thead", null, head), h("tbody", null, rows));
  return h("details", null, h("summary", null, t("plot.numbers")), scrolled(table, title));
}
