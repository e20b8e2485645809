// Sends files by a page with Uppy, as a person does. Arguments: the page, the API's address, an API key, files.
// The page's own bytes and those of Uppy's package are used: what the page loads from elsewhere is taken from there.
// Prints what the page shows of each finished file, and what the browser complained of, as JSON.
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

import { launch } from "./browser.js";

const CDN = "https://cdn.jsdelivr.net/npm/";
const TYPES = { css: "text/css", js: "text/javascript" };
const [path, api, key, ...files] = process.argv.slice(2);

// `uppy@6.0.1/dist/uppy.min.js` → the installed file; the test says whether it is that version.
async function answerFromPackages(request) {
  const url = request.url();
  if (!url.startsWith(CDN)) return request.continue();
  const [, name, version, file] = url.slice(CDN.length).match(/^(.+?)@([^/]+)\/(.+)$/);
  const installed = JSON.parse(await readFile(new URL(`node_modules/${name}/package.json`, import.meta.url)));
  if (installed.version !== version) return request.abort();
  return request.respond({
    contentType: TYPES[file.split(".").pop()],
    headers: { "Access-Control-Allow-Origin": "*" },
    body: await readFile(new URL(`node_modules/${name}/${file}`, import.meta.url)),
  });
}

const browser = await launch();
try {
  const page = await browser.newPage();
  const complaints = [];
  page.on("console", (message) => ["error", "warn"].includes(message.type()) && complaints.push(`${message.text()} ${message.location().url}`));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("requestfailed", (request) => complaints.push(`${request.url()}: ${request.failure().errorText}`));
  await page.setRequestInterception(true);
  page.on("request", answerFromPackages);
  await page.goto(pathToFileURL(path).href, { waitUntil: "load" });
  await page.$eval("#api", (field, value) => { field.value = value; }, api);
  await page.type("#key", key);
  const picker = await page.waitForSelector("input.uppy-Dashboard-input");
  await picker.uploadFile(...files);
  await (await page.waitForSelector(".uppy-StatusBar-actionBtn--upload", { visible: true })).click();
  const isDone = (number) => {
    const figures = [...document.querySelectorAll("figure")];
    return figures.length === number && [...document.images].every((picture) => picture.complete);
  };
  await page.waitForFunction(isDone, { timeout: 60_000 }, files.length).catch(() => complaints.push("not finished"));
  const shown = await page.$$eval("figure", (figures) => figures.map((figure) => ({
    caption: figure.textContent,
    width: figure.querySelector("img")?.naturalWidth ?? 0,
  })));
  console.log(JSON.stringify({ shown, complaints }));
} finally {
  await browser.close();
}
