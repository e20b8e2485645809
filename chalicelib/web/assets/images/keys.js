/** The keys of the gallery: arrows move, space selects, delete deletes. */

import { placeBeside } from "./layout.js";
import { deleteLater } from "./deletion.js";

/** @param {import("./grid.js").Grid} grid */
export function startKeys(grid) {
  /** Where a range of selected images begins. */
  let from = "";

  /** @param {string} imageId @param {boolean} isRange */
  const toggle = (imageId, isRange) => {
    const isSelected = !grid.selection.has(imageId);
    const [one, other] = [grid.placeOf(from), grid.placeOf(imageId)];
    if (isRange && one >= 0) {
      const range = grid.items.slice(Math.min(one, other), Math.max(one, other) + 1);
      grid.selection.set(
        range.map((item) => item.imageId),
        true,
      );
    } else {
      grid.selection.set([imageId], isSelected);
    }
    from = imageId;
  };

  grid.element.addEventListener("click", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    const id = /** @type {HTMLElement | null} */ (target.closest("[data-id]"))?.dataset.id;
    if (!id) return;
    const isPick = target.matches(".pick");
    // Where some are selected, a click on a picture selects it too.
    const isLink = grid.selection.ids.size > 0 && !event.ctrlKey && !event.metaKey && target.closest("a") !== null;
    if (isLink) event.preventDefault();
    if (isPick || isLink) toggle(id, event.shiftKey);
  });

  grid.element.addEventListener("keydown", (event) => {
    const id = grid.focusedId;
    if (!id || event.altKey || event.metaKey) return;
    const place = grid.placeOf(id);
    const act = {
      " ": () => toggle(id, event.shiftKey),
      Escape: () => grid.selection.clear(),
      Delete: () => remove(id, place),
    }[event.key];
    const next = act ? undefined : placeAfter(grid, event, place);
    if (!act && next === undefined) return;
    event.preventDefault();
    if (act) act();
    else grid.focusAt(Math.max(0, Math.min(grid.items.length - 1, Number(next))));
  });

  /** @param {string} id @param {number} place */
  const remove = (id, place) => {
    const chosen = grid.selection.ids.size > 0 ? [...grid.selection.ids] : [id];
    grid.selection.clear();
    deleteLater(chosen);
    grid.focusAt(Math.min(place, grid.items.length - 1));
  };
}

/** Where a key leads to. @param {import("./grid.js").Grid} grid @param {KeyboardEvent} event @param {number} place
 * @returns {number | undefined} */
function placeAfter(grid, event, place) {
  const { rows, gap } = grid;
  const row = rows.find(({ start, widths }) => place >= start && place < start + widths.length);
  if (!row) return undefined;
  const page = Math.max(1, Math.floor(innerHeight / (row.height + gap)) - 1);
  /** @type {Record<string, () => number>} */
  const places = {
    ArrowRight: () => place + 1,
    ArrowLeft: () => place - 1,
    ArrowDown: () => placeBeside(rows, place, 1, gap),
    ArrowUp: () => placeBeside(rows, place, -1, gap),
    PageDown: () => placeBeside(rows, place, page, gap),
    PageUp: () => placeBeside(rows, place, -page, gap),
    Home: () => (event.ctrlKey ? 0 : row.start),
    End: () => (event.ctrlKey ? grid.items.length - 1 : row.start + row.widths.length - 1),
  };
  return places[event.key]?.();
}
