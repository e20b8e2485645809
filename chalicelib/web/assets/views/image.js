/** One image: its picture, its variants, what its owner says about it, and what can be made of it. */

import { h } from "../base/dom.js";
import { bytes, time } from "../app/format.js";
import { icon } from "../app/icons.js";
import { toast } from "../app/notices.js";
import { follow } from "../app/poller.js";
import { call, path } from "../app/api.js";
import { otherPreset, presetName } from "../app/presets.js";
import { empty, explain } from "../app/states.js";
import { t } from "../app/texts.js";
import { addressOf, collectionOf, isGone, knownImage, readImage } from "../images/collection.js";
import { deleteLater } from "../images/deletion.js";
import { tagsEditor, titleHeading } from "../images/details.js";
import { downloadButton } from "../images/download.js";
import { neighborLinks } from "../images/neighbors.js";
import { OneImage } from "../images/one_image.js";
import { processSection } from "../images/process.js";
import { stage } from "../images/stage.js";
import { adviceOf, isUnderWay, mayRunAgain, reasonOf, statusBadge } from "../images/status.js";
import { variantsSection } from "../images/variants.js";

/** @param {import("../app/views.js").Place} place */
export async function show({ params, query, signal }) {
  const { imageId } = params;
  const known = knownImage(imageId);
  const collection = collectionOf(query);
  const back = `#/${addressOf("images", collection.search)}`;
  /** @type {import("../images/collection.js").Image} */
  let image;
  try {
    image = known ?? (await readImage(imageId, signal));
  } catch (error) {
    if (!isGone(error)) throw error;
    const link = h("a", { href: back, class: "button" }, t("image.back"));
    return h(
      "div",
      null,
      h("h1", { class: "unseen" }, t("image.view")),
      empty("images", t("image.none"), t("image.noneText"), link),
    );
  }
  collection.lastOpened = imageId;
  const one = new OneImage(image, signal);
  keepCurrent(one, known !== undefined);
  const remove = () => {
    deleteLater([imageId]);
    location.replace(back);
  };
  const deleteByKey = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Delete" && /** @type {Element} */ (event.target).matches("body, main")) remove();
  };
  addEventListener("keydown", deleteByKey, { signal });
  return h(
    "div",
    { class: "image-view" },
    h(
      "div",
      { class: "way" },
      h("a", { href: back, class: "button plain" }, icon("back"), t("image.back")),
      neighborLinks(collection, imageId, signal),
    ),
    h("div", { class: "head" }, titleHeading(one), badge(one)),
    note(one),
    h(
      "div",
      { class: "columns" },
      h("div", null, stage(one), variantsSection(one)),
      h("aside", { "aria-label": t("image.about") }, about(one, remove), processSection(one)),
    ),
  );
}

/** The image as the API has it now, and each change while the pipeline has to do with it.
 * @param {OneImage} one @param {boolean} isOld what is shown was read before */
function keepCurrent(one, isOld) {
  const { signal } = one;
  let isFollowed = false;
  const changed = (/** @type {any} */ image) => {
    if (image && !isUnderWay(image)) isFollowed = false;
    if (image) one.take(image);
  };
  const start = () => {
    if (isFollowed || !isUnderWay(one.image)) return;
    isFollowed = true;
    follow("images", one.id, changed, signal);
  };
  one.addEventListener("changed", start, { signal });
  start();
  // What is shown stays where it cannot be read anew.
  if (isOld)
    readImage(one.id, signal).then(
      (image) => one.take(image),
      () => {},
    );
}

/** @param {OneImage} one */
function badge(one) {
  const place = h("span", { role: "status" });
  one.follow(
    ({ status }) => status,
    (image) => place.replaceChildren(...(image.status === "COMPLETED" ? [] : [statusBadge(image)])),
  );
  return place;
}

/** Why it failed, or waits, or is as it was before; and what to do. @param {OneImage} one */
function note(one) {
  const place = h("div");
  one.follow(
    ({ status, reason, lastFailure }) => [status, reason, lastFailure],
    (image) => {
      const why = h("p", null, h("strong", null, reasonOf(image)));
      const bad = (/** @type {string} */ advice) => h("div", { class: "note bad" }, why, h("p", null, advice));
      const going = h("div", { class: "note" }, image.reason && why, t("image.underWay"));
      if (image.status === "FAILED") place.replaceChildren(bad(adviceOf(image)));
      else if (isUnderWay(image)) place.replaceChildren(going);
      else place.replaceChildren(...(image.lastFailure ? [bad(t("image.asBefore"))] : []));
    },
  );
  return place;
}

/** @param {OneImage} one @param {() => void} remove */
function about(one, remove) {
  const facts = h("dl", { class: "facts" });
  const actions = h("p", { class: "actions" });
  one.follow(
    ({ variants: _variants, ...rest }) => rest,
    (image) => {
      facts.replaceChildren(...factsOf(image));
      const parts = [
        image.status === "COMPLETED" && downloadButton(image.imageId, t("image.original")),
        h("button", { type: "button", class: "plain", onclick: remove }, icon("trash"), t("action.delete")),
      ];
      actions.replaceChildren(...parts.filter((part) => part instanceof Node));
    },
  );
  const parts = [h("h2", null, t("image.about")), tagsEditor(one), facts, actions, reprocessPart(one)];
  return h("section", { class: "card" }, parts);
}

/** @param {import("../images/collection.js").Image} image @returns {Node[]} */
function factsOf(image) {
  const { metadata, focalPoint, fileSize } = image;
  const share = (/** @type {number} */ value) => Math.round(value * 100);
  const rows = /** @type {[string, string | undefined | null | false | 0][]} */ ([
    [t("image.file"), image.fileName],
    [t("image.type"), image.fileType],
    [t("image.pixels"), metadata.width && `${metadata.width} × ${metadata.height}`],
    [t("image.size"), fileSize && bytes(fileSize)],
    [t("image.colorSpace"), metadata.colorSpace],
    [t("image.frames"), metadata.frames > 1 && String(metadata.frames)],
    [t("image.preset"), image.preset && presetName(image.preset)],
    [t("image.focalPoint"), focalPoint && t("focal.at", { x: share(focalPoint.x), y: share(focalPoint.y) })],
    [t("image.added"), time(image.createdAt)],
    [t("image.finished"), image.processedAt && time(image.processedAt)],
  ]);
  return rows.filter(([, value]) => value).flatMap(([name, value]) => [h("dt", null, name), h("dd", null, value)]);
}

/** Has all files made again, or those of another preset that differ. @param {OneImage} one */
function reprocessPart(one) {
  let key = crypto.randomUUID();
  const button = h("button", { type: "button", class: "plain" }, icon("retry"), t("image.reprocess"));
  const place = h("div", { class: "reprocess" }, button);
  /** @type {HTMLSelectElement | undefined} */
  let choice;
  otherPreset().then((made) => {
    if (!made) return;
    choice = made.input;
    place.prepend(made.element);
  });
  button.addEventListener("click", async () => {
    button.setAttribute("aria-busy", "true");
    try {
      const body = choice?.value ? { preset: choice.value } : {};
      const { image } = await call("POST", path`images/${one.id}/reprocess`, { body, idempotencyKey: key });
      one.take(image);
    } catch (error) {
      toast(explain(error), { isBad: true });
    } finally {
      key = crypto.randomUUID();
      button.removeAttribute("aria-busy");
    }
  });
  one.follow(mayRunAgain, (image) => (place.hidden = !mayRunAgain(image)));
  return place;
}
