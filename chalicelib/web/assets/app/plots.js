/** Plots with uPlot, which is loaded when the first one is drawn. Beside each stands a table with the same numbers. */

import { h } from "../shared/dom.js";
import { t } from "./texts.js";

/** @typedef {{label: string, values: number[], format: (value: number) => string, color?: string}} Series */

const HEIGHT = 220;

/**
 * Bars over labels, like days.
 * @param {string} title @param {string[]} labels @param {Series[]} series @param {AbortSignal} signal
 * @returns {HTMLElement}
 */
export function barPlot(title, labels, series, signal) {
  const canvas = h("div", { class: "canvas", "aria-hidden": "true" });
  const figure = h("figure", { class: "plot" }, h("figcaption", null, title), canvas, numbers(title, labels, series));
  draw(canvas, labels, series, signal);
  return figure;
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
  return h("details", null, h("summary", null, t("plot.numbers")), h("div", { class: "scroll" }, table));
}

/** @param {HTMLElement} canvas @param {string[]} labels @param {Series[]} series @param {AbortSignal} signal */
async function draw(canvas, labels, series, signal) {
  loadStyle();
  const { default: uPlot } = await import("../vendor/uplot.js");
  /** @type {any} */
  let plot = null;
  const make = () => {
    if (signal.aborted) return;
    plot?.destroy();
    // What is not shown, as in a closed tab, has no width.
    const isShown = canvas.clientWidth > 0;
    plot = isShown ? new uPlot(options(uPlot, canvas, labels, series), rows(labels, series), canvas) : null;
  };
  const size = new ResizeObserver(() => (plot ? plot.setSize({ width: canvas.clientWidth, height: HEIGHT }) : make()));
  size.observe(canvas);
  // The colors are read when it is drawn.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", make, { signal });
  addEventListener("theme", make, { signal });
  signal.addEventListener("abort", () => size.disconnect());
}

function loadStyle() {
  const address = new URL("../vendor/uplot.css", import.meta.url).href;
  if (!document.querySelector(`link[href="${address}"]`)) {
    document.head.append(h("link", { rel: "stylesheet", href: address }));
  }
}

/** @param {string[]} labels @param {Series[]} series */
function rows(labels, series) {
  return [labels.map((_, place) => place), ...series.map(({ values }) => values)];
}

/** @param {any} uPlot @param {HTMLElement} canvas @param {string[]} labels @param {Series[]} series */
function options(uPlot, canvas, labels, series) {
  const style = getComputedStyle(canvas);
  const color = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  const axis = { stroke: color("--soft"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false } };
  const bars = uPlot.paths.bars({ size: [0.7, 48] });
  /** @type {(each: Series, place: number) => string} */
  const colorOf = (each, place) => color(each.color ?? (place === 0 ? "--accent" : "--second"));
  /** @type {(plot: any, place: number | null) => string} */
  const labelAt = (_plot, place) => (place === null ? "" : (labels[place] ?? ""));
  /** @type {(plot: any, least: number, most: number) => [number, number]} */
  const fromZero = (_plot, _least, most) => [0, most * 1.1 || 1];
  /** @type {(plot: any, places: number[]) => string[]} */
  const labelsAt = (plot, places) => places.map((place) => labelAt(plot, place));
  /** @type {(plot: any, values: number[]) => string[]} */
  const formatted = (_plot, values) => values.map(series[0].format);
  return {
    width: canvas.clientWidth,
    height: HEIGHT,
    cursor: { drag: { x: false, y: false } },
    scales: { x: { time: false, range: [-0.6, labels.length - 0.4] }, y: { range: fromZero } },
    axes: [
      { ...axis, grid: { show: false }, values: labelsAt },
      { ...axis, size: 64, values: formatted },
    ],
    series: [
      { label: "", value: labelAt },
      ...series.map((each, place) => ({
        label: each.label,
        value: (/** @type {any} */ _plot, /** @type {number | null} */ value) =>
          value === null || value === undefined ? "" : each.format(value),
        fill: colorOf(each, place),
        stroke: colorOf(each, place),
        paths: bars,
        points: { show: false },
      })),
    ],
  };
}
