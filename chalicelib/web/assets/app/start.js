/** The page begins here. */

import { startFrame } from "./frame.js";
import { startPoller } from "./poller.js";
import { showAgain, startRouter } from "./router.js";
import { session } from "./session.js";

/** Whose views are shown: when another reader comes, the view is shown anew. */
let reader = session.tokens?.email;

startFrame();
startPoller();
// Without the server the views say so themselves.
await session.resume().catch(() => {});
await startRouter();
session.addEventListener("changed", () => {
  if (session.tokens?.email === reader) return;
  reader = session.tokens?.email;
  showAgain();
});
