/** One request that brings a photo's bytes to S3. XMLHttpRequest, since fetch does not tell how much has left. */

import { UnreachableError } from "../app/api.js";

// A request that moves no byte for so long has lost its connection.
const STALLED = 60_000;

/**
 * Sends a file by a presigned PUT.
 * @param {{uploadUrl: string, headers: Record<string, string>}} request
 * @param {Blob} file
 * @param {{signal: AbortSignal, onProgress: (loaded: number) => void}} options
 * @returns {Promise<{status: number, code: string}>} the status, and S3's code of an error
 * @throws {UnreachableError | DOMException}
 */
export function put({ uploadUrl, headers }, file, { signal, onProgress }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    let timer = 0;
    const wait = () => {
      clearTimeout(timer);
      timer = setTimeout(abort, STALLED);
    };
    const end = (/** @type {() => void} */ then) => () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      then();
    };
    request.open("PUT", uploadUrl);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", ({ loaded }) => {
      wait();
      onProgress(loaded);
    });
    request.addEventListener(
      "load",
      end(() => resolve({ status: request.status, code: codeIn(request.responseText) })),
    );
    request.addEventListener(
      "error",
      end(() => reject(new UnreachableError())),
    );
    request.addEventListener(
      "abort",
      end(() => reject(signal.aborted ? signal.reason : new UnreachableError())),
    );
    signal.addEventListener("abort", abort);
    if (signal.aborted) {
      end(() => reject(signal.reason))();
      return;
    }
    wait();
    request.send(file);
  });
}

/** @param {string} answer of S3, in XML */
function codeIn(answer) {
  return /<Code>(\w{1,60})<\/Code>/.exec(answer)?.[1] ?? "";
}
