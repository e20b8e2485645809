/** The page begins here. */

import { startFrame } from "./frame.js";
import { startPoller } from "./poller.js";
import { showAgain, startRouter } from "./router.js";
import { session } from "./session.js";
import { startUploads } from "../uploads/start.js";

/** Whose views are shown: when another reader comes, the view is shown anew. */
let reader = session.tokens?.email;

startFrame();
startPoller();
session.follow();
session.addEventListener("changed", () => {
  if (session.tokens?.email === reader) return;
  reader = session.tokens?.email;
  showAgain();
});
await startRouter();
startUploads();
session.resume();
