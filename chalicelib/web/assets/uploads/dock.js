/** At the edge of every view: how far the uploads are, and the way to them. */

import { announce, h } from "../base/dom.js";
import { icon } from "../app/icons.js";
import { t } from "../app/texts.js";
import { queue } from "./queue.js";
import { sayHold, sayLost, sayQueue, shareSent } from "./words.js";

export function startDock() {
  const said = h("span", { class: "said" });
  const bar = h("progress", { max: 1, value: 0, "aria-label": t("uploads.overall") });
  const close = h(
    "button",
    { type: "button", class: "plain round", "aria-label": t("uploads.clear"), onclick: () => queue.clear() },
    icon("close"),
  );
  const link = h("a", { href: "#/uploads" }, icon("upload"), said);
  const dock = h("aside", { id: "dock", hidden: true, "aria-label": t("uploads.dock") }, link, close, bar);
  document.body.append(dock);
  let wasBusy = false;
  const draw = () => {
    const { all, open, moving, failed } = queue.totals;
    const isBusy = open + moving + queue.adding > 0;
    const text = sayQueue();
    dock.hidden = (all === 0 && !isBusy && queue.lost.length === 0) || document.body.dataset.view === "uploads";
    document.body.classList.toggle("docked", !dock.hidden);
    said.textContent = [sayLost(), text, sayHold()].filter(Boolean).join(" · ");
    bar.hidden = open === 0;
    bar.value = shareSent();
    close.hidden = isBusy || failed > 0 || queue.lost.length > 0;
    // Not each step: only that there is nothing more to wait for.
    if (wasBusy && !isBusy && all > 0) announce(text);
    wasBusy = isBusy;
  };
  onEachFrame(draw);
}

/**
 * Draws when something of the queue has changed, at most once a frame.
 * @param {() => void} draw @param {AbortSignal} [signal]
 */
export function onEachFrame(draw, signal) {
  let asked = 0;
  const ask = () => {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      if (signal?.aborted) return;
      draw();
      // The seconds until it goes on.
      if (queue.hold) setTimeout(ask, 1_000);
    });
  };
  queue.addEventListener("changed", ask, { signal });
  queue.addEventListener("progress", ask, { signal });
  for (const event of ["view", "online", "offline"]) addEventListener(event, ask, { signal });
  ask();
}
