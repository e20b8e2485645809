/** Adding photos, and the queue of those that are on their way. */

import { h } from "../base/dom.js";
import { ApiError, call } from "../app/api.js";
import { buildForm } from "../app/forms.js";
import { icon } from "../app/icons.js";
import { confirm, toast } from "../app/notices.js";
import { chosenPreset, presetChoice } from "../app/presets.js";
import { explain, failure } from "../app/states.js";
import { t } from "../app/texts.js";
import { addFiles } from "../uploads/intake.js";
import { onEachFrame } from "../uploads/dock.js";
import { NEEDS_READER, canRetry } from "../uploads/entry.js";
import { queue } from "../uploads/queue.js";
import { buildRow } from "../uploads/rows.js";
import { windowedList } from "../uploads/window.js";
import { sayHold, sayLost, sayQueue, shareSent } from "../uploads/words.js";

/** @typedef {import("../uploads/store.js").Entry} Entry */

/** @type {Record<string, (entry: Entry) => boolean>} */
const FILTERS = {
  all: () => true,
  open: ({ state }) => state === "waiting" || state === "paused" || state === "sent",
  failed: ({ state }) => NEEDS_READER.has(state),
};

// Of files for which there was no room.
const MOST_NAMES = 100;

/** @param {import("../app/views.js").Place} place */
export function show({ signal }) {
  const problem = queue.problem ? failure(new Error(t("uploads.noStorage"))) : null;
  return h(
    "div",
    { class: "uploads" },
    h("div", { class: "head" }, h("h1", null, t("nav.uploads"))),
    problem,
    dropZone(),
    presetChoice(),
    fromUrl(),
    lostNote(signal),
    queueSection(signal),
  );
}

/** Where files are dropped or chosen. */
function dropZone() {
  const files = picker({ multiple: true, accept: "image/*", id: "choose-files" });
  const folder = picker({ multiple: true, webkitdirectory: true, id: "choose-folder" }, true);
  const camera = picker({ accept: "image/*", capture: "environment", id: "take-photo" });
  const opens = (/** @type {HTMLInputElement} */ input) => () => input.click();
  const button = (/** @type {HTMLInputElement} */ input, /** @type {string} */ text, /** @type {string} */ name) =>
    h("button", { type: "button", class: name, onclick: opens(input) }, text);
  return h(
    "section",
    { class: "drop-zone", "aria-label": t("uploads.choose") },
    icon("upload"),
    h("p", null, t("uploads.invite")),
    h(
      "p",
      { class: "actions center" },
      button(files, t("uploads.files"), "primary"),
      button(folder, t("uploads.folder"), "for-pointers"),
      button(camera, t("uploads.camera"), "for-touch"),
    ),
    h("p", { class: "small soft" }, t("uploads.safe")),
    [files, folder, camera],
  );
}

/** An input that the buttons open. @param {Record<string, any>} attributes @param {boolean} [isFolder] */
function picker(attributes, isFolder = false) {
  const input = h("input", { type: "file", hidden: true, ...attributes });
  input.addEventListener("change", () => {
    addFiles([...(input.files ?? [])], { isFolder });
    // The same file can be chosen once more.
    input.value = "";
  });
  return input;
}

/** The form for a picture that Darkroom fetches itself. */
function fromUrl() {
  // Sent again after a failure, the same URL is not fetched twice.
  let sent = { content: "", key: "" };
  const send = async (/** @type {Record<string, any>} */ { sourceUrl }) => {
    const url = sourceUrl.trim();
    if (!/^https?:\/\/./i.test(url)) throw new Error(t("uploads.urlForm"));
    const body = { sourceUrl: url, ...chosenPreset() };
    const content = JSON.stringify(body);
    if (sent.content !== content) sent = { content, key: crypto.randomUUID() };
    try {
      const answer = await call("POST", "upload", { body, idempotencyKey: sent.key });
      sent = { content: "", key: "" };
      await queue.addImport(answer.imageId, nameOf(url));
    } catch (error) {
      // What is wrong with the URL's answer is a sentence; what is wrong with the URL itself stands beside the field.
      throw error instanceof ApiError && error.code !== "INVALID_REQUEST" ? new Error(explain(error)) : error;
    }
    form.reset();
    toast(t("uploads.fetched"));
  };
  const attributes = {
    required: true,
    inputmode: "url",
    autocomplete: "off",
    maxlength: 2048,
    placeholder: "https://",
  };
  const form = buildForm({
    fields: [{ name: "sourceUrl", label: t("uploads.url"), type: "url", hint: t("uploads.urlHint"), attributes }],
    submit: t("uploads.fetch"),
    send,
  });
  return h("details", { class: "from-url" }, h("summary", null, t("uploads.fromUrl")), form);
}

/** What a picture of a URL is called in the list. @param {string} url */
function nameOf(url) {
  const { hostname, pathname } = new URL(url);
  return `${hostname}/…/${pathname.split("/").at(-1)}`.slice(0, 255);
}

/** Which chosen files are not in the queue, as there was no room, until the reader has read it.
 * @param {AbortSignal} signal */
function lostNote(signal) {
  const said = h("p", null);
  const names = h("ul", { class: "small" });
  const done = h("button", { type: "button", onclick: () => queue.forgetLost() }, t("action.close"));
  const note = h("div", { class: "note bad", role: "alert", hidden: true }, said, names, done);
  const draw = () => {
    const text = sayLost();
    note.hidden = text === "";
    if (said.textContent === text) return;
    said.textContent = text;
    names.replaceChildren(...queue.lost.slice(0, MOST_NAMES).map((name) => h("li", null, h("bdi", null, name))));
    if (queue.lost.length > MOST_NAMES) names.append(h("li", null, "…"));
  };
  onEachFrame(draw, signal);
  return note;
}

/** The queue: how far it is, what can be done with all, and the list. @param {AbortSignal} signal */
function queueSection(signal) {
  let filter = "all";
  const said = h("h2", null);
  const hold = h("p", { class: "note", role: "status", hidden: true });
  const bar = h("progress", { max: 1, value: 0, "aria-label": t("uploads.overall") });
  const list = windowedList(t("uploads.list"), buildRow, signal);
  const act = (/** @type {string} */ text, /** @type {() => unknown} */ run) =>
    h("button", { type: "button", onclick: run }, text);
  const pause = act(t("uploads.pauseAll"), () => queue.pauseAll());
  const resume = act(t("uploads.resumeAll"), () => queue.resumeAll());
  const now = act(t("error.again"), () => queue.hurry());
  const retry = act(t("uploads.retryAll"), retryAll);
  const remove = act(t("uploads.removeShown"), () => removeAll([...queue.entries.values()].filter(isRemovable)));
  const isRemovable = (/** @type {Entry} */ entry) => entry.state !== "sent" && FILTERS[filter](entry);
  const clear = act(t("uploads.clear"), () => queue.clear());
  const choices = filterButtons((chosen) => {
    filter = chosen;
    draw();
  });
  const draw = () => {
    const totals = queue.totals;
    const entries = [...queue.entries.values()];
    section.hidden = totals.all + queue.adding === 0;
    said.textContent = sayQueue();
    const why = sayHold();
    hold.hidden = why === "";
    if (hold.textContent !== why) hold.textContent = why;
    bar.hidden = totals.open === 0;
    bar.value = shareSent();
    const hasPaused = entries.some(({ state }) => state === "paused");
    pause.hidden = totals.open === 0 || queue.isPaused;
    resume.hidden = totals.open === 0 || !(queue.isPaused || hasPaused);
    now.hidden = why === "";
    retry.hidden = !entries.some(canRetry);
    remove.hidden = filter === "all" || !entries.some(isRemovable);
    clear.hidden = totals.done === 0;
    choices.count({ all: totals.all, open: totals.open + totals.moving, failed: totals.failed });
    list.show(entries.filter(FILTERS[filter]));
  };
  const bulk = h("p", { class: "actions" }, pause, resume, now, retry, remove, clear);
  const section = h(
    "section",
    { class: "queue", hidden: true },
    h("div", { class: "head" }, said, bulk),
    bar,
    hold,
    choices.element,
    list.element,
  );
  onEachFrame(draw, signal);
  return section;
}

/** Tries all again that may end better. */
function retryAll() {
  return queue.retryAll().catch((error) => void toast(explain(error), { isBad: true }));
}

/** Takes many out of the queue, after a question. @param {Entry[]} entries */
async function removeAll(entries) {
  const title = t("uploads.removeTitle", { count: entries.length });
  const question = { title, text: t("uploads.removeText"), confirm: t("uploads.removeShown"), isDangerous: true };
  if (await confirm(question)) await queue.remove(entries.map(({ id }) => id));
}

/** Which of them are shown. @param {(filter: string) => void} choose */
function filterButtons(choose) {
  /** @type {[string, (count: number) => string][]} */
  const texts = [
    ["all", (count) => t("uploads.filterAll", { count })],
    ["open", (count) => t("uploads.filterOpen", { count })],
    ["failed", (count) => t("uploads.filterFailed", { count })],
  ];
  const buttons = texts.map(([filter, text]) => {
    const chosen = () => {
      for (const { element } of buttons) element.setAttribute("aria-pressed", String(element === button));
      choose(filter);
    };
    const attributes = { type: "button", class: "plain", "aria-pressed": String(filter === "all"), onclick: chosen };
    const button = h("button", attributes);
    return { element: button, filter, text };
  });
  return {
    element: h(
      "div",
      { class: "filters", role: "group", "aria-label": t("uploads.filter") },
      buttons.map((each) => each.element),
    ),
    count(/** @type {Record<string, number>} */ counts) {
      for (const { element, filter, text } of buttons) {
        const said = text(counts[filter]);
        if (element.textContent !== said) element.textContent = said;
      }
    },
  };
}
