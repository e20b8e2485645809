/** Making something else of an image: another size, another format, or an analysis. */

import { announce, h, tabs } from "../base/dom.js";
import { UnreachableError, call } from "../app/api.js";
import { buildField, buildForm } from "../app/forms.js";
import { bytes, percent } from "../app/format.js";
import { icon } from "../app/icons.js";
import { follow } from "../app/poller.js";
import { waiting } from "../app/states.js";
import { t, textOf } from "../app/texts.js";
import { analysisParts } from "./analysis.js";
import { cropPreview } from "./crop_preview.js";

/** @typedef {import("./one_image.js").OneImage} OneImage */
/** @typedef {{status: string, result?: any, resultUrl?: string | null, reason?: {message: string} | null}} Ended */

const FORMATS = ["jpeg", "png", "webp", "avif"];
const LONGEST = 8000;
const BEST = 95;

/** Shown when the image is ready. @param {OneImage} one */
export function processSection(one) {
  const section = h("section", { class: "card", "aria-labelledby": "process" });
  one.follow(
    ({ status }) => status,
    ({ status }) => {
      section.hidden = status !== "COMPLETED";
      // Once, so that what was typed stays.
      if (!section.hidden && !section.hasChildNodes()) section.append(...sectionParts(one));
    },
  );
  return section;
}

/** @param {OneImage} one @returns {Node[]} */
function sectionParts(one) {
  const result = h("div", { class: "result" });
  const ask = asker(one, result);
  const pages = /** @type {[string, HTMLElement][]} */ ([
    [t("process.resize"), resizeForm(one, ask)],
    [t("process.convert"), convertForm(ask)],
    [t("process.analyze"), analyzeForm(ask)],
  ]);
  return [h("h2", { id: "process" }, t("process.title")), tabs(t("process.title"), pages), result];
}

/** @typedef {(processingType: string, options?: Record<string, any>) => Promise<void>} Ask */

/** Asks for the work and shows what comes of it. What is sent again after no answer came, is not done twice.
 * @param {OneImage} one @param {HTMLElement} place @returns {Ask} */
function asker(one, place) {
  let last = { content: "", key: "" };
  return async (processingType, options) => {
    const body = { fileId: one.id, processingType, ...(options ? { options } : {}) };
    const content = JSON.stringify(body);
    if (content !== last.content) last = { content, key: crypto.randomUUID() };
    place.replaceChildren();
    try {
      const started = await call("POST", "actions/process", { body, idempotencyKey: last.key });
      place.replaceChildren(waiting());
      const ended = await endOf(started, one.signal);
      place.replaceChildren(...resultParts(processingType, ended, one));
      announce(t(ended.status === "COMPLETED" ? "process.done" : "process.failed"));
    } catch (error) {
      place.replaceChildren();
      if (!(error instanceof UnreachableError)) last = { content: "", key: "" };
      throw error;
    }
    last = { content: "", key: "" };
  };
}

/** The action when it has ended. @param {any} started @param {AbortSignal} signal @returns {Promise<Ended>} */
function endOf(started, signal) {
  if (started.status !== "PENDING") return Promise.resolve(started);
  return new Promise((resolve) => {
    /** @param {any} action */
    const changed = (action) => {
      if (!action) resolve({ status: "FAILED" });
      else if (action.status !== "PENDING") resolve(action);
    };
    follow("actions", started.jobId, changed, signal);
  });
}

/** @param {string} processingType @param {Ended} ended @param {OneImage} one @returns {Node[]} */
function resultParts(processingType, { status, result, resultUrl, reason }, one) {
  if (status !== "COMPLETED") {
    return [h("div", { class: "note bad", role: "alert" }, t("process.failed"), " ", reason?.message ?? "")];
  }
  const save = h("a", { class: "button", href: resultUrl, download: "" }, icon("exports"), t("process.download"));
  if (processingType === "analyze") {
    return [...analysisParts(result, one.signal), h("p", { class: "actions" }, save)];
  }
  const { width, height, fileSize, format, note } = result;
  const image = h("img", { src: resultUrl, alt: t("process.preview"), width, height });
  const before = one.image.fileSize;
  const share = before && before > fileSize ? t("process.smaller", { share: percent(1 - fileSize / before) }) : "";
  return [
    h(
      "figure",
      { class: "made" },
      image,
      h(
        "figcaption",
        { class: "number" },
        h("strong", null, t("process.result")),
        " ",
        `${width} × ${height} · ${format.toUpperCase()} · ${bytes(fileSize)}`,
        share && " · ",
        share,
      ),
    ),
    ...(note ? [h("p", { class: "note" }, note)] : []),
    h("p", { class: "actions" }, save),
  ];
}

/** @param {OneImage} one @param {Ask} ask */
function resizeForm(one, ask) {
  const side = { inputmode: "numeric", min: 1, max: LONGEST, step: 1 };
  const preview = cropPreview(one);
  const form = buildForm({
    fields: [
      h(
        "div",
        { class: "two" },
        buildField({ name: "width", label: t("process.width"), type: "number", attributes: side, value: 800 }),
        buildField({ name: "height", label: t("process.height"), type: "number", attributes: side }),
      ),
      {
        name: "fit",
        label: t("process.fit"),
        type: "select",
        options: [
          ["contain", t("process.contain")],
          ["cover", t("process.cover")],
          ["fill", t("process.fill")],
        ],
      },
      preview.element,
      formatFields(true),
    ],
    submit: t("process.resize"),
    send: ({ width, height, fit, format, quality }) => {
      const options = { ...numbers({ width, height, quality }), fit, ...(format ? { format } : {}) };
      return ask("resize", options);
    },
  });
  const show = () => preview.show(form);
  form.addEventListener("input", show);
  show();
  return form;
}

/** @param {Ask} ask */
function convertForm(ask) {
  return buildForm({
    fields: [formatFields(false)],
    submit: t("process.convert"),
    send: ({ format, quality }) => ask("convert", { format, ...numbers({ quality }) }),
  });
}

/** @param {Ask} ask */
function analyzeForm(ask) {
  return buildForm({
    fields: [h("p", { class: "soft" }, t("process.analyzeText"))],
    submit: t("process.analyze"),
    send: () => ask("analyze"),
  });
}

/** @param {boolean} mayStay whether the format may be the original's */
function formatFields(mayStay) {
  const formats = FORMATS.map((each) => /** @type {[string, string]} */ ([each, textOf("format", each) ?? each]));
  const options = /** @type {[string, string][]} */ (mayStay ? [["", t("process.same")], ...formats] : formats);
  const quality = { min: 1, max: BEST, step: 1, inputmode: "numeric", placeholder: t("process.usual") };
  return h(
    "div",
    { class: "two" },
    buildField({ name: "format", label: t("process.format"), type: "select", options, value: mayStay ? "" : "webp" }),
    buildField({ name: "quality", label: t("process.quality"), type: "number", attributes: quality }),
  );
}

/** What was typed, as numbers, without what was left out. @param {Record<string, string>} typed */
function numbers(typed) {
  const given = Object.entries(typed).filter(([, text]) => text !== "");
  return Object.fromEntries(given.map(([name, text]) => [name, Number(text)]));
}
