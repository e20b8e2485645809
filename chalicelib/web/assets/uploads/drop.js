/** Files that are dropped or pasted anywhere on the page. */

import { h } from "../base/dom.js";
import { icon } from "../app/icons.js";
import { toast } from "../app/notices.js";
import { t } from "../app/texts.js";
import { addFiles } from "./intake.js";
import { MOST_ENTRIES, queue } from "./queue.js";

/** Begins to take them, where somebody is signed in. */
export function startDrop() {
  const veil = h("div", { id: "veil", hidden: true, "aria-hidden": "true" }, icon("upload"), t("uploads.dropHere"));
  document.body.append(veil);
  const show = (/** @type {DragEvent} */ event, /** @type {boolean} */ isOver) => {
    if (!queue.user || !event.dataTransfer?.types.includes("Files")) return false;
    event.preventDefault();
    veil.hidden = !isOver;
    return true;
  };
  addEventListener("dragenter", (event) => show(event, true));
  addEventListener("dragover", (event) => show(event, true));
  // Into another element it only goes on; out of the window nothing is entered.
  addEventListener("dragleave", (event) => event.relatedTarget === null && show(event, false));
  addEventListener("drop", (event) => show(event, false) && addDropped(event.dataTransfer));
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0 || !queue.user) return;
    event.preventDefault();
    addFiles(files);
  });
}

/** @param {DataTransfer | null} dropped */
async function addDropped(dropped) {
  // They can be asked for only now: after a pause the list is empty.
  const entries = [...(dropped?.items ?? [])]
    .filter(({ kind }) => kind === "file")
    .map((item) => item.webkitGetAsEntry());
  const folders = entries.filter((entry) => entry?.isDirectory);
  const files = [...(dropped?.files ?? [])].filter((_, place) => !entries[place]?.isDirectory);
  if (files.length > 0) addFiles(files);
  for (const folder of folders) {
    try {
      addFiles(await filesIn(folder), { isFolder: true });
    } catch {
      toast(t("uploads.unreadable", { name: folder?.name ?? "" }), { isBad: true });
    }
  }
}

/** The files of a folder and of those in it; more than the queue takes are not looked for. @param {any} folder */
async function filesIn(folder) {
  /** @type {File[]} */
  const files = [];
  const folders = [folder];
  while (folders.length > 0 && files.length <= MOST_ENTRIES) {
    const reader = folders.pop().createReader();
    for (let some = await read(reader); some.length > 0; some = await read(reader)) {
      for (const entry of some) {
        if (entry.isDirectory) folders.push(entry);
        else files.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
      }
    }
  }
  return files;
}

/** Some of a folder's entries; none after the last. @param {any} reader @returns {Promise<any[]>} */
function read(reader) {
  return new Promise((resolve, reject) => reader.readEntries(resolve, reject));
}
