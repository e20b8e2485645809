/** Uploads on every view: the queue of whoever is signed in goes on, and files may be dropped and pasted anywhere. */

import { session } from "../app/session.js";
import { startDock } from "./dock.js";
import { startDrop } from "./drop.js";
import { queue } from "./queue.js";
import { startSender } from "./sender.js";

export function startUploads() {
  startDock();
  startDrop();
  session.addEventListener("changed", openQueue);
  openQueue();
}

/** Opens the queue of the reader; each has their own. */
async function openQueue() {
  const user = session.profile?.userId ?? null;
  if (user === queue.user) return;
  if (queue.user) queue.close();
  if (!user) return;
  try {
    await queue.open(user);
    await startSender();
  } catch (error) {
    if (queue.user === user) queue.break(error);
  }
}
