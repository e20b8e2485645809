/** Which images are selected, and what is done with all of them. */

import { h } from "../base/dom.js";
import { icon } from "../app/icons.js";
import { t } from "../app/texts.js";
import { deleteLater } from "./deletion.js";

/** Events: `changed`. */
export class Selection extends EventTarget {
  /** @type {Set<string>} */
  ids = new Set();

  /** @param {string} imageId */
  has(imageId) {
    return this.ids.has(imageId);
  }

  /** @param {string[]} imageIds @param {boolean} isSelected */
  set(imageIds, isSelected) {
    for (const id of imageIds) {
      if (isSelected) this.ids.add(id);
      else this.ids.delete(id);
    }
    this.dispatchEvent(new Event("changed"));
  }

  /** Forgets those that are not there any more. @param {import("./collection.js").Image[]} images */
  keep(images) {
    const there = new Set(images.map(({ imageId }) => imageId));
    const gone = [...this.ids].filter((id) => !there.has(id));
    if (gone.length > 0) this.set(gone, false);
  }

  clear() {
    this.set([...this.ids], false);
  }
}

/** What can be done with those that are selected; hidden where there is none. @param {Selection} selection
 * @param {() => void} done takes the focus, which would be lost with the bar */
export function selectionBar(selection, done) {
  const count = h("strong", { role: "status" });
  const remove = h("button", { type: "button", class: "danger" }, icon("trash"), t("action.delete"));
  const clear = h("button", { type: "button" }, t("gallery.clearSelection"));
  const bar = h("div", { class: "selection", hidden: true }, count, remove, clear);
  remove.addEventListener("click", () => {
    const chosen = [...selection.ids];
    selection.clear();
    deleteLater(chosen);
    done();
  });
  clear.addEventListener("click", () => {
    selection.clear();
    done();
  });
  selection.addEventListener("changed", () => {
    bar.hidden = selection.ids.size === 0;
    count.textContent = bar.hidden ? "" : t("gallery.selected", { count: selection.ids.size });
  });
  return bar;
}
