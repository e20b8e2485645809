/** What an analysis found in a picture, in words, swatches and plots. */

import { h, tabs } from "../base/dom.js";
import { number, percent, time } from "../app/format.js";
import { barPlot } from "../app/plots.js";
import { t } from "../app/texts.js";
import { colorName } from "./color_names.js";

/** @typedef {Record<string, any>} Analysis as the API gives it */

/** @param {Analysis} found @param {AbortSignal} signal @returns {Node[]} */
export function analysisParts(found, signal) {
  return [
    h("h3", null, t("analysis.colors")),
    found.dominantColors.length > 0 ? swatches(found) : h("p", null, t("analysis.transparent")),
    ...(found.histogram ? [h("h3", null, t("analysis.histogram")), histograms(found.histogram, signal)] : []),
    h("h3", null, t("analysis.more")),
    facts(found),
  ];
}

/** @param {Analysis} found */
function swatches({ dominantColors }) {
  const items = dominantColors.map((/** @type {{color: string, share: number}} */ { color, share }) => {
    const patch = h("span", { class: "patch", "aria-hidden": "true" });
    patch.style.backgroundColor = color;
    return h(
      "li",
      null,
      patch,
      h("span", null, colorName(color)),
      h("code", null, color),
      h("span", null, percent(share)),
    );
  });
  return h("ul", { class: "swatches" }, items);
}

/** @param {Record<string, number[]>} histogram shares of the pixels, the darkest first @param {AbortSignal} signal */
function histograms(histogram, signal) {
  const channels = /** @type {const} */ ([
    ["luminance", t("analysis.luminance"), "--soft"],
    ["red", t("analysis.red"), "--bad"],
    ["green", t("analysis.green"), "--good"],
    ["blue", t("analysis.blue"), "--blue"],
  ]);
  const pages = channels.map(([name, title, color]) => {
    const values = histogram[name];
    const step = 256 / values.length;
    const labels = values.map((_, place) => `${place * step}–${(place + 1) * step - 1}`);
    const series = [{ label: t("analysis.share"), values, format: percent, color }];
    return /** @type {[string, HTMLElement]} */ ([title, barPlot(t("analysis.byValue"), labels, series, signal)]);
  });
  return tabs(t("analysis.histogram"), pages);
}

/** @param {Analysis} found */
function facts(found) {
  const { metadata: capture } = found;
  const camera = [capture.cameraMake, capture.cameraModel].filter(Boolean).join(" ");
  const rows = /** @type {[string, string | false | null][]} */ ([
    [t("analysis.brightness"), found.brightness !== null && percent(found.brightness)],
    // Half of the range is the most that a standard deviation can have.
    [t("analysis.contrast"), found.contrast !== null && percent(found.contrast * 2)],
    [t("analysis.sharpness"), t("analysis.sharpnessText", { value: number(Math.round(found.sharpness)) })],
    [t("analysis.average"), found.averageColor && `${colorName(found.averageColor)}, ${found.averageColor}`],
    [t("analysis.colorSpace"), found.colorSpace],
    [t("analysis.transparency"), t(found.hasTransparency ? "analysis.yes" : "analysis.no")],
    [t("analysis.frames"), found.isAnimated && number(found.frames)],
    [t("analysis.camera"), camera],
    [t("analysis.lens"), capture.lens],
    [t("analysis.takenAt"), capture.takenAt && time(capture.takenAt)],
    [t("analysis.software"), capture.software],
    [t("analysis.location"), t(capture.hasLocation ? "analysis.hasLocation" : "analysis.noLocation")],
  ]);
  const shown = rows.filter(([, value]) => value);
  return h(
    "dl",
    { class: "facts" },
    shown.flatMap(([name, value]) => [h("dt", null, name), h("dd", null, value)]),
  );
}
